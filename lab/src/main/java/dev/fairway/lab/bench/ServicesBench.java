// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.traffic.NodeServices;
import dev.fairway.traffic.rules.ServicesConfig;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What a Service costs a new connection, with 10,000 Services loaded: a client pod connects to the
/// last of them and to the pod behind it directly, in turn. Both pass the same connection tracking.
final class ServicesBench implements Bench.Benchmark {
  private static final int SERVICES = 10_000;
  private static final int PORT = 80;
  private static final int TARGET_PORT = 8080;
  private static final double GOAL = 0.88;
  private static final Prefix PODS = Prefix.parse("10.200.0.0/16");
  private static final Prefix CLUSTER = Prefix.parse("10.32.0.0/16");
  private static final IpAddress CLIENT = IpAddress.parse("10.200.0.2");
  private static final IpAddress SERVER = IpAddress.parse("10.200.0.3");

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    Sysctls.write("net.ipv4.ip_forward", "1");
    try (NativeProgram connectRate = NativeProgram.extract("connect-rate");
        NetworkNamespace node = NetworkNamespace.current();
        NetworkNamespace client = RoutedPod.on(node, CLIENT, 102);
        NetworkNamespace server = RoutedPod.on(node, SERVER, 103);
        NodeServices datapath =
            NodeServices.open(
                ServicesConfig.of("bench", List.of(IpAddress.parse("10.240.0.20")), List.of(PODS)),
                node)) {
      List<Service> services = services();
      List<EndpointSlice> slices = slices();
      datapath.set(services, slices);
      Path program = connectRate.file();
      Process listener = serve(server, program);
      try {
        String last = services.getLast().getSpec().getClusterIP();
        return measure(quick, client, program, last);
      } finally {
        listener.destroyForcibly().waitFor();
      }
    }
  }

  private static List<Row> measure(
      boolean quick, NetworkNamespace client, Path program, String serviceAddress)
      throws IOException, InterruptedException {
    double seconds = quick ? 0.5 : 1;
    Samples direct = new Samples();
    Samples service = new Samples();
    Samples ratio = new Samples();
    rate(client, program, SERVER.toString(), TARGET_PORT, seconds);
    rate(client, program, serviceAddress, PORT, seconds);
    for (int round = 0; round < (quick ? 9 : 21); round++) {
      double pod = rate(client, program, SERVER.toString(), TARGET_PORT, seconds);
      double cluster = rate(client, program, serviceAddress, PORT, seconds);
      direct.add(pod);
      service.add(cluster);
      ratio.add(cluster / pod);
    }
    return List.of(
        new Row(
            "new connections through the last of 10,000 Services",
            service.median(),
            "1/s",
            "the pod directly",
            direct.median(),
            // Pair by pair, so that a machine that gets slower meanwhile does not count.
            ratio.median(),
            GOAL,
            Row.Better.LARGER));
  }

  private static double rate(
      NetworkNamespace client, Path program, String address, int port, double seconds)
      throws IOException, InterruptedException {
    Process process =
        client.start(
            new ProcessBuilder(
                    program.toString(),
                    "client",
                    address,
                    String.valueOf(port),
                    String.valueOf(seconds))
                .redirectErrorStream(true));
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    if (process.waitFor() != 0) {
      throw new IOException("connect-rate to " + address + ": " + output);
    }
    return Double.parseDouble(output);
  }

  private static Process serve(NetworkNamespace server, Path program) throws IOException {
    Process process =
        server.start(
            new ProcessBuilder(program.toString(), "server", String.valueOf(TARGET_PORT))
                .redirectErrorStream(true));
    BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    String line = output.readLine();
    if (!"ready".equals(line)) {
      throw new IOException("connect-rate server: " + line);
    }
    return process;
  }

  private static List<Service> services() {
    List<Service> services = new ArrayList<>();
    for (int i = 0; i < SERVICES; i++) {
      services.add(
          new ServiceBuilder()
              .withNewMetadata()
              .withNamespace("bench")
              .withName("service-" + i)
              .endMetadata()
              .withNewSpec()
              .withType("ClusterIP")
              .withClusterIP(CLUSTER.at(i + 100L).toString())
              .withClusterIPs(CLUSTER.at(i + 100L).toString())
              .withIpFamilies("IPv4")
              .addNewPort()
              .withProtocol("TCP")
              .withPort(PORT)
              .endPort()
              .endSpec()
              .build());
    }
    return services;
  }

  /// Three endpoints a Service, but for the last: it has the one pod that answers.
  private static List<EndpointSlice> slices() {
    List<EndpointSlice> slices = new ArrayList<>();
    for (int i = 0; i < SERVICES; i++) {
      EndpointSliceBuilder slice =
          new EndpointSliceBuilder()
              .withNewMetadata()
              .withNamespace("bench")
              .withName("service-" + i)
              .withLabels(Map.of("kubernetes.io/service-name", "service-" + i))
              .endMetadata()
              .withAddressType("IPv4")
              .addNewPort()
              .withProtocol("TCP")
              .withPort(TARGET_PORT)
              .endPort();
      for (int j = 0; j < 3; j++) {
        String address =
            i == SERVICES - 1 ? SERVER.toString() : PODS.at(1000 + i * 3L + j).toString();
        slice
            .addNewEndpoint()
            .withAddresses(address)
            .withNewConditions()
            .withReady(true)
            .endConditions()
            .endEndpoint();
        if (i == SERVICES - 1) {
          break;
        }
      }
      slices.add(slice.build());
    }
    return slices;
  }
}
