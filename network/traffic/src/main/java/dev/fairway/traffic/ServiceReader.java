// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.LoadBalancerIngress;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.ServiceSpec;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointConditions;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Reads a Service and its EndpointSlices, once, into what they ask of this node.
///
/// What cannot be understood is left out, with one message that names the object and the field. Not
/// for several threads.
final class ServiceReader {
  private final ServicesConfig config;
  private final Consumer<String> problems;

  ServiceReader(ServicesConfig config, Consumer<String> problems) {
    this.config = config;
    this.problems = problems;
  }

  /// One endpoint of one port.
  private record Candidate(
      TransportAddress address, boolean ready, boolean serving, boolean local) {}

  ServiceRules read(Service service, Collection<EndpointSlice> slices) {
    ServiceSpec spec = service.getSpec();
    if (spec == null || "ExternalName".equals(spec.getType())) {
      return ServiceRules.NONE;
    }
    Set<IpAddress> clusterAddresses = clusterAddresses(service, spec);
    if (clusterAddresses.isEmpty()) {
      return ServiceRules.NONE;
    }
    Set<IpAddress> external = new TreeSet<>(externalAddresses(service, spec));
    external.removeAll(config.leftAlone());
    Map<Front, Target> targets = new HashMap<>();
    Set<IpAddress> local = new HashSet<>();
    List<ServicePort> ports = Objects.requireNonNullElse(spec.getPorts(), List.of());
    for (int i = 0; i < ports.size(); i++) {
      readPort(service, i, ports.get(i), slices, clusterAddresses, external, targets, local);
    }
    return new ServiceRules(targets, clusterAddresses, local);
  }

  private void readPort(
      Service service,
      int index,
      ServicePort port,
      Collection<EndpointSlice> slices,
      Set<IpAddress> clusterAddresses,
      Set<IpAddress> external,
      Map<Front, Target> targets,
      Set<IpAddress> local) {
    String field = "spec.ports[" + index + "]";
    Protocol protocol = protocol(service, field, port.getProtocol());
    Integer number = port.getPort();
    if (protocol == null || !isPort(number)) {
      if (protocol != null) {
        problem(service, field + ".port", number + " is not from 1 to 65535");
      }
      return;
    }
    ServiceSpec spec = service.getSpec();
    boolean sticky = "ClientIP".equals(spec.getSessionAffinity());
    boolean insideLocal = "Local".equals(spec.getInternalTrafficPolicy());
    boolean outsideLocal = "Local".equals(spec.getExternalTrafficPolicy());
    Integer nodePort = port.getNodePort();
    for (IpFamily family : IpFamily.values()) {
      List<Candidate> candidates = candidates(slices, port.getName(), protocol, family);
      List<TransportAddress> everywhere = choose(candidates, candidate -> true);
      List<TransportAddress> here = choose(candidates, Candidate::local);
      here.forEach(address -> local.add(address.address()));
      for (IpAddress address : clusterAddresses) {
        List<TransportAddress> inside = insideLocal ? here : everywhere;
        put(targets, family, address, protocol, number, Target.Reach.CLUSTER, sticky, inside);
      }
      List<TransportAddress> outside = outsideLocal ? here : everywhere;
      Target.Reach outsideReach = outsideLocal ? Target.Reach.LOCAL : Target.Reach.EXTERNAL;
      for (IpAddress address : external) {
        put(targets, family, address, protocol, number, outsideReach, sticky, outside);
      }
      if (isPort(nodePort)) {
        for (IpAddress address : config.nodePortAddresses()) {
          put(targets, family, address, protocol, nodePort, outsideReach, sticky, outside);
        }
      }
    }
  }

  private static void put(
      Map<Front, Target> targets,
      IpFamily family,
      IpAddress address,
      Protocol protocol,
      int port,
      Target.Reach reach,
      boolean sticky,
      List<TransportAddress> endpoints) {
    if (address.family() == family && !endpoints.isEmpty()) {
      targets.put(new Front(address, protocol, port), new Target(reach, sticky, endpoints));
    }
  }

  /// Those that are ready; where none is, those that still serve while they end.
  private static List<TransportAddress> choose(
      List<Candidate> candidates, Predicate<Candidate> which) {
    TreeSet<TransportAddress> ready = new TreeSet<>();
    TreeSet<TransportAddress> serving = new TreeSet<>();
    for (Candidate candidate : candidates) {
      if (which.test(candidate)) {
        if (candidate.ready()) {
          ready.add(candidate.address());
        } else if (candidate.serving()) {
          serving.add(candidate.address());
        }
      }
    }
    return List.copyOf(ready.isEmpty() ? serving : ready);
  }

  private List<Candidate> candidates(
      Collection<EndpointSlice> slices,
      @Nullable String portName,
      Protocol protocol,
      IpFamily family) {
    String wantedType = family == IpFamily.IPV4 ? "IPv4" : "IPv6";
    List<Candidate> found = new ArrayList<>();
    for (EndpointSlice slice : slices) {
      if (!wantedType.equals(slice.getAddressType())) {
        continue;
      }
      for (EndpointPort port :
          Objects.requireNonNullElse(slice.getPorts(), List.<EndpointPort>of())) {
        boolean same =
            name(port.getName()).equals(name(portName))
                && protocol.name().equals(Objects.requireNonNullElse(port.getProtocol(), "TCP"));
        if (same && isPort(port.getPort())) {
          addEndpoints(slice, port.getPort(), family, found);
        }
      }
    }
    return found;
  }

  private void addEndpoints(EndpointSlice slice, int port, IpFamily family, List<Candidate> found) {
    List<Endpoint> endpoints = Objects.requireNonNullElse(slice.getEndpoints(), List.of());
    for (int i = 0; i < endpoints.size(); i++) {
      Endpoint endpoint = endpoints.get(i);
      // The addresses of one endpoint are interchangeable; everybody uses the first.
      String field = "endpoints[" + i + "].addresses[0]";
      List<String> addresses = Objects.requireNonNullElse(endpoint.getAddresses(), List.of());
      IpAddress address = addresses.isEmpty() ? null : address(slice, field, addresses.getFirst());
      if (address == null) {
        continue;
      }
      if (address.family() != family) {
        problem(slice, field, address + " is not of the slice's addressType");
        continue;
      }
      EndpointConditions conditions = endpoint.getConditions();
      boolean ready = conditions == null || !Boolean.FALSE.equals(conditions.getReady());
      boolean serving =
          conditions != null
              && Boolean.TRUE.equals(conditions.getServing())
              && Boolean.TRUE.equals(conditions.getTerminating());
      boolean local = config.nodeName().equals(endpoint.getNodeName());
      found.add(new Candidate(new TransportAddress(address, port), ready, serving, local));
    }
  }

  private Set<IpAddress> clusterAddresses(Service service, ServiceSpec spec) {
    List<String> texts = spec.getClusterIPs();
    if (texts == null || texts.isEmpty()) {
      texts = spec.getClusterIP() == null ? List.of() : List.of(spec.getClusterIP());
    }
    Set<IpAddress> addresses = new TreeSet<>();
    for (int i = 0; i < texts.size(); i++) {
      String text = texts.get(i);
      if (text.isEmpty() || text.equals("None")) {
        continue;
      }
      IpAddress address = address(service, "spec.clusterIPs[" + i + "]", text);
      if (address != null && !config.leftAlone().contains(address)) {
        addresses.add(address);
      }
    }
    return addresses;
  }

  private Set<IpAddress> externalAddresses(Service service, ServiceSpec spec) {
    Set<IpAddress> addresses = new TreeSet<>();
    List<String> texts = Objects.requireNonNullElse(spec.getExternalIPs(), List.of());
    for (int i = 0; i < texts.size(); i++) {
      add(addresses, address(service, "spec.externalIPs[" + i + "]", texts.get(i)));
    }
    if (service.getStatus() != null && service.getStatus().getLoadBalancer() != null) {
      List<LoadBalancerIngress> ingress =
          Objects.requireNonNullElse(service.getStatus().getLoadBalancer().getIngress(), List.of());
      for (int i = 0; i < ingress.size(); i++) {
        String text = ingress.get(i).getIp();
        if (text != null) {
          add(addresses, address(service, "status.loadBalancer.ingress[" + i + "].ip", text));
        }
      }
    }
    return addresses;
  }

  private static void add(Set<IpAddress> addresses, @Nullable IpAddress address) {
    if (address != null) {
      addresses.add(address);
    }
  }

  private static boolean isPort(@Nullable Integer port) {
    return port != null && port >= 1 && port <= 65535;
  }

  private static String name(@Nullable String name) {
    return name == null ? "" : name;
  }

  private @Nullable Protocol protocol(HasMetadata object, String field, @Nullable String text) {
    return switch (text) {
      case null -> Protocol.TCP;
      case "TCP" -> Protocol.TCP;
      case "UDP" -> Protocol.UDP;
      case "SCTP" -> Protocol.SCTP;
      default -> {
        problem(object, field + ".protocol", "\"" + text + "\" is not TCP, UDP or SCTP");
        yield null;
      }
    };
  }

  private @Nullable IpAddress address(HasMetadata object, String field, String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException e) {
      problem(object, field, String.valueOf(e.getMessage()));
      return null;
    }
  }

  private void problem(HasMetadata object, String field, String what) {
    problems.accept(
        object.getKind()
            + " "
            + object.getMetadata().getNamespace()
            + "/"
            + object.getMetadata().getName()
            + ": "
            + field
            + ": "
            + what
            + "; it is left out");
  }
}
