// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.LoadBalancerIngress;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.ServiceSpec;
import io.fabric8.kubernetes.api.model.SessionAffinityConfig;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointConditions;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointHints;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Reads a Service and its EndpointSlices, once, into what they ask of this node.
///
/// What cannot be understood is left out, with one message that names the object and the field. Not
/// for several threads.
final class ServiceReader {
  /// What the API gives a Service with affinity that says nothing else, and its bounds.
  private static final int AFFINITY_SECONDS = 10_800;

  private static final int MAX_AFFINITY_SECONDS = 86_400;

  /// How a Service's connections are balanced: `random` or `maglev`.
  private static final String BALANCING = "services.fairway.dev/balancing";

  private final ServicesConfig config;
  private final Consumer<String> problems;
  private final PodAddresses pods;
  private String zone = "";

  ServiceReader(ServicesConfig config, Consumer<String> problems, PodAddresses pods) {
    this.config = config;
    this.problems = problems;
    this.pods = pods;
  }

  /// Where the node stands; returns whether it was elsewhere before.
  boolean zone(String zone) {
    boolean other = !this.zone.equals(zone);
    this.zone = zone;
    return other;
  }

  /// The addresses of a Service.
  private record Addresses(
      Set<IpAddress> cluster,
      Set<IpAddress> externalIps,
      Set<IpAddress> loadBalancerIps,
      boolean restricted,
      List<Prefix> sourceRanges) {}

  ServiceRules read(Service service, Collection<EndpointSlice> slices) {
    ServiceSpec spec = service.getSpec();
    if (spec == null || "ExternalName".equals(spec.getType())) {
      return ServiceRules.NONE;
    }
    Set<IpAddress> cluster = clusterAddresses(service, spec);
    if (cluster.isEmpty()) {
      return ServiceRules.NONE;
    }
    List<String> ranges = Objects.requireNonNullElse(spec.getLoadBalancerSourceRanges(), List.of());
    Addresses addresses =
        new Addresses(
            cluster,
            externalIps(service, spec),
            loadBalancerIps(service),
            !ranges.isEmpty(),
            sourceRanges(service, ranges));
    List<BalancedPort> ports = new ArrayList<>();
    List<ServicePort> specified = Objects.requireNonNullElse(spec.getPorts(), List.of());
    for (int i = 0; i < specified.size(); i++) {
      readPort(service, i, specified.get(i), slices, addresses, ports);
    }
    return ServiceRules.of(
        ports, cluster, config.nodePortAddresses(), healthCheck(service, spec, slices));
  }

  private void readPort(
      Service service,
      int place,
      ServicePort port,
      Collection<EndpointSlice> slices,
      Addresses addresses,
      List<BalancedPort> ports) {
    Protocol protocol = protocol(service, place, port.getProtocol());
    Integer number = port.getPort();
    if (protocol == null || !isPort(number)) {
      if (protocol != null) {
        problem(service, "spec.ports[" + place + "].port", number + " is not from 1 to 65535");
      }
      return;
    }
    ServiceSpec spec = service.getSpec();
    Integer nodePort = port.getNodePort();
    Optional<Duration> affinity = affinity(spec);
    boolean maglev = isMaglev(service) && affinity.isEmpty();
    for (IpFamily family : IpFamily.values()) {
      List<IpAddress> cluster = of(addresses.cluster(), family);
      if (cluster.isEmpty()) {
        continue;
      }
      List<EndpointChoice.Candidate> candidates =
          candidates(slices, port.getName(), protocol, family);
      ports.add(
          new BalancedPort(
              new ServicePortName(ObjectKey.of(service), name(port.getName())),
              family,
              protocol,
              number,
              cluster,
              of(addresses.externalIps(), family),
              of(addresses.loadBalancerIps(), family),
              ranges(addresses.sourceRanges(), family),
              addresses.restricted(),
              isPort(nodePort) ? OptionalInt.of(nodePort) : OptionalInt.empty(),
              affinity,
              maglev,
              "Local".equals(spec.getInternalTrafficPolicy()),
              "Local".equals(spec.getExternalTrafficPolicy()),
              EndpointChoice.of(candidates, config.nodeName(), zone)));
    }
  }

  private static List<IpAddress> of(Set<IpAddress> addresses, IpFamily family) {
    List<IpAddress> some = new ArrayList<>(addresses.size());
    for (IpAddress address : addresses) {
      if (address.family() == family) {
        some.add(address);
      }
    }
    return some;
  }

  private static List<Prefix> ranges(List<Prefix> ranges, IpFamily family) {
    return ranges.isEmpty()
        ? ranges
        : ranges.stream().filter(range -> range.family() == family).toList();
  }

  private boolean isMaglev(Service service) {
    Map<String, String> annotations = service.getMetadata().getAnnotations();
    String word = annotations == null ? null : annotations.get(BALANCING);
    if (word == null || word.equals("random")) {
      return false;
    }
    if (!word.equals("maglev")) {
      problem(
          service,
          "metadata.annotations[" + BALANCING + "]",
          "\"" + word + "\" is not random or maglev");
      return false;
    }
    if (config.datapath() == ServicesConfig.Datapath.IPTABLES) {
      problem(
          service,
          "metadata.annotations[" + BALANCING + "]",
          "iptables chooses at random only; nftables and ebpf have maglev");
      return false;
    }
    return true;
  }

  private static Optional<Duration> affinity(ServiceSpec spec) {
    if (!"ClientIP".equals(spec.getSessionAffinity())) {
      return Optional.empty();
    }
    SessionAffinityConfig config = spec.getSessionAffinityConfig();
    Integer seconds =
        config == null || config.getClientIP() == null
            ? null
            : config.getClientIP().getTimeoutSeconds();
    boolean usable = seconds != null && seconds > 0 && seconds <= MAX_AFFINITY_SECONDS;
    return Optional.of(Duration.ofSeconds(usable ? seconds : AFFINITY_SECONDS));
  }

  private Optional<HealthCheck> healthCheck(
      Service service, ServiceSpec spec, Collection<EndpointSlice> slices) {
    Integer port = spec.getHealthCheckNodePort();
    if (!isPort(port)
        || !"LoadBalancer".equals(spec.getType())
        || !"Local".equals(spec.getExternalTrafficPolicy())) {
      return Optional.empty();
    }
    Set<String> local = new HashSet<>();
    for (EndpointSlice slice : slices) {
      for (Endpoint endpoint :
          Objects.requireNonNullElse(slice.getEndpoints(), List.<Endpoint>of())) {
        if (config.nodeName().equals(endpoint.getNodeName()) && isReady(endpoint)) {
          // An endpoint of both families has an entry in a slice of each.
          local.add(
              endpoint.getTargetRef() == null || endpoint.getTargetRef().getName() == null
                  ? String.valueOf(endpoint.getAddresses())
                  : endpoint.getTargetRef().getName());
        }
      }
    }
    return Optional.of(new HealthCheck(ObjectKey.of(service), port, local.size()));
  }

  private List<EndpointChoice.Candidate> candidates(
      Collection<EndpointSlice> slices,
      @Nullable String portName,
      Protocol protocol,
      IpFamily family) {
    String wantedType = family == IpFamily.IPV4 ? "IPv4" : "IPv6";
    List<EndpointChoice.Candidate> found = new ArrayList<>();
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

  private void addEndpoints(
      EndpointSlice slice, int port, IpFamily family, List<EndpointChoice.Candidate> found) {
    List<Endpoint> endpoints = Objects.requireNonNullElse(slice.getEndpoints(), List.of());
    for (int i = 0; i < endpoints.size(); i++) {
      Endpoint endpoint = endpoints.get(i);
      // The addresses of one endpoint are interchangeable; everybody uses the first.
      List<String> addresses = Objects.requireNonNullElse(endpoint.getAddresses(), List.of());
      IpAddress address =
          addresses.isEmpty() ? null : address(slice, i, "addresses[0]", addresses.getFirst());
      if (address == null || !isAllowed(slice, i, endpoint, address, family)) {
        continue;
      }
      EndpointConditions conditions = endpoint.getConditions();
      boolean ending =
          conditions != null
              && Boolean.TRUE.equals(conditions.getServing())
              && Boolean.TRUE.equals(conditions.getTerminating());
      EndpointHints hints = endpoint.getHints();
      found.add(
          new EndpointChoice.Candidate(
              new TransportAddress(address, port),
              isReady(endpoint),
              ending,
              config.nodeName().equals(endpoint.getNodeName()),
              hints == null ? Set.of() : names(hints.getForNodes(), node -> node.getName()),
              hints == null ? Set.of() : names(hints.getForZones(), zone -> zone.getName())));
    }
  }

  private static <T> Set<String> names(@Nullable List<T> some, Function<T, String> name) {
    return some == null ? Set.of() : some.stream().map(name).collect(Collectors.toSet());
  }

  /// Whoever writes slices could have this node talk to itself, or to what the writer may not reach
  /// (CVE-2020-8554, CVE-2021-25740).
  private boolean isAllowed(
      EndpointSlice slice, int i, Endpoint endpoint, IpAddress address, IpFamily family) {
    if (address.family() != family) {
      String field = "endpoints[" + i + "].addresses[0]";
      problem(slice, field, address + " is not of the slice's addressType");
      return false;
    }
    if (address.isLoopback()
        || address.isLinkLocal()
        || address.isMulticast()
        || address.isUnspecified()
        || address.isIpv4Mapped()) {
      problem(
          slice,
          "endpoints[" + i + "].addresses[0]",
          address
              + " is a loopback, link-local, multicast, unspecified or IPv4-mapped address, which no"
              + " pod has");
      return false;
    }
    String namespace =
        endpoint.getTargetRef() == null ? null : endpoint.getTargetRef().getNamespace();
    if (namespace != null && !namespace.equals(slice.getMetadata().getNamespace())) {
      problem(
          slice,
          "endpoints[" + i + "].targetRef.namespace",
          "\"" + namespace + "\" is not the slice's namespace");
      return false;
    }
    String own = slice.getMetadata().getNamespace();
    if (pods.isForeign(address, own)) {
      ServiceIndex.owner(slice).ifPresent(service -> pods.refuse(address, service));
      problem(
          slice,
          "endpoints[" + i + "].addresses[0]",
          address + " is the address of a pod of another namespace");
      return false;
    }
    return true;
  }

  private static boolean isReady(Endpoint endpoint) {
    return endpoint.getConditions() == null
        || !Boolean.FALSE.equals(endpoint.getConditions().getReady());
  }

  private Set<IpAddress> clusterAddresses(Service service, ServiceSpec spec) {
    List<String> texts = spec.getClusterIPs();
    if (texts == null || texts.isEmpty()) {
      texts = spec.getClusterIP() == null ? List.of() : List.of(spec.getClusterIP());
    }
    Set<IpAddress> addresses = new LinkedHashSet<>();
    for (int i = 0; i < texts.size(); i++) {
      String text = texts.get(i);
      if (!text.isEmpty() && !text.equals("None")) {
        add(addresses, address(service, "spec.clusterIPs", i, "", text));
      }
    }
    return addresses;
  }

  private Set<IpAddress> externalIps(Service service, ServiceSpec spec) {
    List<String> texts = Objects.requireNonNullElse(spec.getExternalIPs(), List.of());
    if (texts.isEmpty()) {
      return Set.of();
    }
    Set<IpAddress> addresses = new TreeSet<>();
    if (!config.externalIps()) {
      problem(
          service,
          "spec.externalIPs",
          "external IPs are not served here unless the administrator turns them on");
      return addresses;
    }
    for (int i = 0; i < texts.size(); i++) {
      add(addresses, address(service, "spec.externalIPs", i, "", texts.get(i)));
    }
    return addresses;
  }

  private Set<IpAddress> loadBalancerIps(Service service) {
    if (!"LoadBalancer".equals(service.getSpec().getType())
        || service.getStatus() == null
        || service.getStatus().getLoadBalancer() == null) {
      return Set.of();
    }
    Set<IpAddress> addresses = new TreeSet<>();
    List<LoadBalancerIngress> ingress =
        Objects.requireNonNullElse(service.getStatus().getLoadBalancer().getIngress(), List.of());
    for (int i = 0; i < ingress.size(); i++) {
      String text = ingress.get(i).getIp();
      // A load balancer that is a proxy is to be gone through from inside the cluster, too.
      if (text != null && !"Proxy".equals(ingress.get(i).getIpMode())) {
        add(addresses, address(service, "status.loadBalancer.ingress", i, ".ip", text));
      }
    }
    return addresses;
  }

  private List<Prefix> sourceRanges(Service service, List<String> texts) {
    if (texts.isEmpty()) {
      return List.of();
    }
    List<Prefix> ranges = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      try {
        ranges.add(Prefix.parse(texts.get(i).strip()));
      } catch (IllegalArgumentException e) {
        problem(
            service, "spec.loadBalancerSourceRanges[" + i + "]", String.valueOf(e.getMessage()));
      }
    }
    return ranges;
  }

  private void add(Set<IpAddress> addresses, @Nullable IpAddress address) {
    if (address != null && !config.leftAlone().contains(address)) {
      addresses.add(address);
    }
  }

  private static boolean isPort(@Nullable Integer port) {
    return port != null && port >= 1 && port <= 65535;
  }

  private static String name(@Nullable String name) {
    return name == null ? "" : name;
  }

  private @Nullable Protocol protocol(Service service, int place, @Nullable String text) {
    return switch (text) {
      case null -> Protocol.TCP;
      case "TCP" -> Protocol.TCP;
      case "UDP" -> Protocol.UDP;
      case "SCTP" -> Protocol.SCTP;
      default -> {
        problem(
            service,
            "spec.ports[" + place + "].protocol",
            "\"" + text + "\" is not TCP, UDP or SCTP");
        yield null;
      }
    };
  }

  /// As below, of an entry in a slice's list.
  private @Nullable IpAddress address(EndpointSlice slice, int i, String field, String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException e) {
      problem(slice, "endpoints[" + i + "]." + field, String.valueOf(e.getMessage()));
      return null;
    }
  }

  /// As above, of an entry in a Service's list. The field's whole name is made only for a message.
  private @Nullable IpAddress address(
      Service service, String list, int i, String field, String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException e) {
      problem(service, list + "[" + i + "]" + field, String.valueOf(e.getMessage()));
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
