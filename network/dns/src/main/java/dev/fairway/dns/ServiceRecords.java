// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.ServiceSpec;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The records of one Service, as the Kubernetes DNS specification 1.1.0 section 2 has them.
///
/// What is no name or no address is left out: an API server lets none through, and one odd object
/// must not cost the others their names.
final class ServiceRecords {
  private final Name base;
  private final int ttl;
  private final Set<ResourceRecord> records = new LinkedHashSet<>();

  private ServiceRecords(Name base, int ttl) {
    this.base = base;
    this.ttl = ttl;
  }

  /// Whether a Service's records depend on its endpoints.
  static boolean isHeadless(Service service) {
    return "None".equals(service.getSpec().getClusterIP());
  }

  /// All records of a Service; endpoint slices count only for a headless one.
  ///
  /// @param services the name above namespaces, `svc.cluster.local`
  static Zone.Contribution of(
      Name services, int ttlSeconds, Service service, Collection<EndpointSlice> slices) {
    Name base =
        services.child(service.getMetadata().getNamespace()).child(service.getMetadata().getName());
    ServiceRecords built = new ServiceRecords(base, ttlSeconds);
    ServiceSpec spec = service.getSpec();
    if ("ExternalName".equals(spec.getType())) {
      built.externalName(spec.getExternalName());
    } else if (isHeadless(service)) {
      for (EndpointSlice slice : slices) {
        built.headless(slice, Boolean.TRUE.equals(spec.getPublishNotReadyAddresses()));
      }
    } else {
      built.clusterIps(spec);
    }
    // A headless Service of which no endpoint is ready is no name (specification, section 2.4.1);
    // its namespace is one.
    boolean named = !isHeadless(service) || !built.records.isEmpty();
    Name name = named ? base : services.child(service.getMetadata().getNamespace());
    return new Zone.Contribution(name, List.copyOf(built.records));
  }

  private void externalName(@Nullable String target) {
    if (target == null || target.isEmpty()) {
      return;
    }
    try {
      add(base, new Rdata.Target(RecordType.CNAME, Name.parse(target)));
    } catch (IllegalArgumentException e) {
      // Left out, see above.
    }
  }

  private void clusterIps(ServiceSpec spec) {
    List<String> texts = spec.getClusterIPs();
    if (texts == null || texts.isEmpty()) {
      texts = spec.getClusterIP() == null ? List.of() : List.of(spec.getClusterIP());
    }
    boolean any = false;
    for (String text : texts) {
      IpAddress address = address(text);
      if (address != null) {
        any = true;
        add(base, new Rdata.Address(address));
        add(ReverseName.of(address), new Rdata.Target(RecordType.PTR, base));
      }
    }
    if (any) {
      for (ServicePort port : spec.getPorts()) {
        srv(port.getName(), port.getProtocol(), port.getPort(), base);
      }
    }
  }

  private void headless(EndpointSlice slice, boolean publishNotReady) {
    for (Endpoint endpoint : slice.getEndpoints()) {
      // The API: an unknown readiness counts as ready.
      boolean ready =
          endpoint.getConditions() == null
              || !Boolean.FALSE.equals(endpoint.getConditions().getReady());
      if (!ready && !publishNotReady) {
        continue;
      }
      for (String text : endpoint.getAddresses()) {
        IpAddress address = address(text);
        // Whoever may write EndpointSlices shall not lead askers to themselves.
        if (address != null && isReachable(address)) {
          endpoint(slice, endpoint.getHostname(), address);
        }
      }
    }
  }

  private void endpoint(EndpointSlice slice, @Nullable String hostname, IpAddress address) {
    String label =
        hostname == null || hostname.isEmpty()
            ? address.toString().replace('.', '-').replace(':', '-')
            : hostname;
    Name name = base.child(label);
    add(base, new Rdata.Address(address));
    add(name, new Rdata.Address(address));
    add(ReverseName.of(address), new Rdata.Target(RecordType.PTR, name));
    for (EndpointPort port : slice.getPorts()) {
      srv(port.getName(), port.getProtocol(), port.getPort(), name);
    }
  }

  /// Only named ports have SRV records.
  private void srv(
      @Nullable String port, @Nullable String protocol, @Nullable Integer number, Name target) {
    if (port == null || port.isEmpty() || number == null) {
      return;
    }
    String transport =
        switch (protocol == null ? "TCP" : protocol) {
          case "UDP" -> "_udp";
          case "SCTP" -> "_sctp";
          default -> "_tcp";
        };
    add(base.child(transport).child("_" + port), new Rdata.Srv(0, 100, number, target));
  }

  private void add(Name name, Rdata data) {
    records.add(ResourceRecord.of(name, ttl, data));
  }

  private static boolean isReachable(IpAddress address) {
    return !address.isLoopback()
        && !address.isUnspecified()
        && !address.isLinkLocal()
        && !address.isMulticast();
  }

  private static @Nullable IpAddress address(String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
