// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import static dev.fairway.traffic.rules.KubeObjects.endpoint;
import static dev.fairway.traffic.rules.KubeObjects.port;
import static dev.fairway.traffic.rules.KubeObjects.service;
import static dev.fairway.traffic.rules.KubeObjects.slice;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Endpoints come and go under load, and no request fails.
class RollingUpdateTest {
  private static final String VIP = "10.32.0.5";
  private static final int NODE_PORT = 30080;
  private static final int ENDPOINTS = 100;
  private static final int AT_ONCE = 4;
  private static final int OTHERS = 200;

  /// `-Dtest.jvm.extra=-Drequests=N` asks for more.
  private static final long REQUESTS = Long.getLong("requests", 5_000);

  private static final IpAddress FIRST = IpAddress.parse("10.200.1.0");
  private static final Service WEB = port(service("web", VIP), null, "TCP", 80, NODE_PORT).build();

  private final NodeLab lab = new NodeLab();
  private final ClientGroup group = new ClientGroup();
  private final NetworkNamespace client = lab.pod("client", 4);
  private final NetworkNamespace servers = lab.pod("servers", 5);
  private final Backends backends = new Backends(servers, 8080);
  private final Map<IpAddress, Endpoint> endpoints = new LinkedHashMap<>();
  private EndpointSlice slice = slice("web", "TCP", 8080);

  RollingUpdateTest() throws IOException {
    for (int i = 0; i < 2 * ENDPOINTS; i++) {
      lab.give("servers", 5, FIRST.plus(i));
    }
  }

  @AfterEach
  void close() throws Exception {
    group.close();
    backends.close();
    lab.close();
  }

  private NodeServices open(Datapath datapath) throws IOException {
    group.inside(datapath == Datapath.EBPF);
    return NodeServices.open(NodeLab.config(datapath, group), lab.node);
  }

  private void update(NodeServices services) {
    EndpointSlice now = slice("web", "TCP", 8080, endpoints.values().toArray(Endpoint[]::new));
    services.change(WEB, slice, now);
    slice = now;
  }

  private static Endpoint ending(IpAddress address) {
    return endpoint("worker-0", address.toString(), false, true, true);
  }

  private static Endpoint ready(IpAddress address) {
    return endpoint("worker-0", address.toString(), true, true, false);
  }

  @ParameterizedTest
  @EnumSource
  void noRequestFailsWhileAHundredEndpointsAreReplaced(Datapath datapath) throws Exception {
    for (int i = 0; i < ENDPOINTS; i++) {
      backends.start(FIRST.plus(i));
      endpoints.put(FIRST.plus(i), ready(FIRST.plus(i)));
    }
    try (NodeServices services = open(datapath)) {
      update(services);
      Load inside = Load.untilClosed(client, VIP, 80, 2500);
      Load outside = Load.untilClosed(lab.outside, NodeLab.NODE, NODE_PORT, 2500);
      try (inside;
          outside) {
        for (int i = 0; i < ENDPOINTS && !failed(inside, outside); i += AT_ONCE) {
          replace(services, i, List.of(inside, outside));
        }
        // The last to serve are those that end.
        endpoints.replaceAll((address, endpoint) -> ending(address));
        update(services);
        inside.awaitAnswers(500);
        outside.awaitAnswers(500);
      }
      assertThat(inside.failures()).isEmpty();
      assertThat(outside.failures()).isEmpty();
      assertThat(inside.answered()).isGreaterThan(2000);
    }
  }

  private static boolean failed(Load... loads) {
    for (Load load : loads) {
      if (!load.failures().isEmpty()) {
        return true;
      }
    }
    return false;
  }

  /// New servers come; old ones are told to end, stop when nobody new is sent to them, and are
  /// gone.
  private void replace(NodeServices services, int from, List<Load> loads) throws IOException {
    for (int i = from; i < from + AT_ONCE; i++) {
      IpAddress address = FIRST.plus(ENDPOINTS + i);
      backends.start(address);
      endpoints.put(address, ready(address));
    }
    update(services);
    loads.forEach(load -> load.awaitAnswers(40));
    for (int i = from; i < from + AT_ONCE; i++) {
      endpoints.put(FIRST.plus(i), ending(FIRST.plus(i)));
    }
    update(services);
    loads.forEach(Load::settle);
    for (int i = from; i < from + AT_ONCE; i++) {
      backends.stop(FIRST.plus(i));
      endpoints.remove(FIRST.plus(i));
    }
    update(services);
    loads.forEach(load -> load.awaitAnswers(40));
  }

  /// As many changes as there can be, each of which changes how many endpoints there are.
  @ParameterizedTest
  @EnumSource
  void noRequestFailsInTheMidstOfAChange(Datapath datapath) throws Exception {
    List<EndpointSlice> slices = new ArrayList<>();
    for (int count = 1; count <= 4; count++) {
      backends.start(FIRST.plus(count));
      List<Endpoint> some = new ArrayList<>();
      for (int i = 1; i <= count; i++) {
        some.add(ready(FIRST.plus(i)));
      }
      slices.add(slice("web", "TCP", 8080, some.toArray(Endpoint[]::new)));
    }
    try (NodeServices services = open(datapath)) {
      // The more there is, the longer a change takes in the kernel.
      List<Service> all = new ArrayList<>(List.of(WEB));
      List<EndpointSlice> some = new ArrayList<>(List.of(slices.getFirst()));
      for (int i = 0; i < OTHERS; i++) {
        String name = "z" + i;
        all.add(service(name, "10.32.1." + i, "TCP", 80));
        some.add(slice(name, "TCP", 8080, ready(FIRST.plus(i))));
      }
      services.set(all, some);
      Load inside = Load.untilClosed(client, VIP, 80, 20_000);
      try (inside) {
        EndpointSlice before = slices.getFirst();
        for (int i = 0; inside.answered() < REQUESTS && inside.failures().isEmpty(); i++) {
          EndpointSlice after = slices.get(i % slices.size());
          services.change(WEB, before, after);
          before = after;
        }
      }
      assertThat(inside.failures()).isEmpty();
    }
  }
}
