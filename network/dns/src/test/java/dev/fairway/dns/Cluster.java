// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.Prefix;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Objects and configurations for tests.
final class Cluster {
  static final Prefix SERVICES = Prefix.parse("10.32.0.0/16");
  static final Prefix PODS = Prefix.parse("10.200.0.0/16");
  static final Prefix SERVICES6 = Prefix.parse("fd00:32::/112");
  static final Prefix PODS6 = Prefix.parse("fd00:200::/48");

  private Cluster() {}

  static DnsConfig config(String domain, List<InetSocketAddress> upstreams) {
    return DnsConfig.of(
        List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
        domain,
        List.of(SERVICES, SERVICES6),
        List.of(PODS, PODS6),
        upstreams);
  }

  static Service clusterIp(String namespace, String name, String... addresses) {
    return new ServiceBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .withType("ClusterIP")
        .withClusterIP(addresses[0])
        .withClusterIPs(addresses)
        .addNewPort()
        .withName("http")
        .withProtocol("TCP")
        .withPort(80)
        .endPort()
        .addNewPort()
        .withName("quic")
        .withProtocol("UDP")
        .withPort(443)
        .endPort()
        .endSpec()
        .build();
  }

  static Service headless(String namespace, String name) {
    return clusterIp(namespace, name, "None");
  }

  static Service externalName(String namespace, String name, String target) {
    return new ServiceBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .withType("ExternalName")
        .withExternalName(target)
        .endSpec()
        .build();
  }

  static EndpointSlice slice(String namespace, String name, String service) {
    return new EndpointSliceBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .addToLabels("kubernetes.io/service-name", service)
        .endMetadata()
        .withAddressType("IPv4")
        .addNewPort()
        .withName("http")
        .withProtocol("TCP")
        .withPort(8080)
        .endPort()
        .build();
  }

  static EndpointSlice with(
      EndpointSlice slice, String address, @Nullable String hostname, @Nullable Boolean ready) {
    return new EndpointSliceBuilder(slice)
        .addNewEndpoint()
        .withAddresses(address)
        .withHostname(hostname)
        .withNewConditions()
        .withReady(ready)
        .endConditions()
        .endEndpoint()
        .build();
  }

  private static Service publishing(Service service) {
    return new ServiceBuilder(service)
        .editSpec()
        .withPublishNotReadyAddresses(true)
        .endSpec()
        .build();
  }

  private static Service withoutPortNames(Service service) {
    service.getSpec().getPorts().forEach(port -> port.setName(null));
    return service;
  }

  static Pod pod(String namespace, String name, String address) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .endSpec()
        .withNewStatus()
        .withPhase("Running")
        .addNewPodIP(address)
        .endStatus()
        .build();
  }

  static <T extends HasMetadata> Map<ObjectKey, Change<T>> added(List<T> objects) {
    Map<ObjectKey, Change<T>> changes = new LinkedHashMap<>();
    for (T object : objects) {
      changes.put(ObjectKey.of(object), new Change<>(Optional.empty(), Optional.of(object)));
    }
    return changes;
  }

  /// The Services that the tests ask about.
  static List<Service> services() {
    return List.of(
        clusterIp("default", "kubernetes", "10.32.0.1"),
        clusterIp("default", "web", "10.32.7.8", "fd00:32::7"),
        headless("db", "pg"),
        headless("db", "empty"),
        headless("db", "many"),
        headless("db", "six"),
        headless("db", "trap"),
        publishing(headless("db", "early")),
        withoutPortNames(clusterIp("default", "plain", "10.32.9.9")),
        externalName("default", "outside", "www.example.test"),
        externalName("default", "inside", "web.default.svc.cluster.local"),
        externalName("default", "loop", "loop.default.svc.cluster.local"));
  }

  static List<EndpointSlice> slices() {
    EndpointSlice pg = slice("db", "pg-1", "pg");
    pg = with(pg, "10.200.0.5", "pg-0", true);
    pg = with(pg, "10.200.1.6", null, null);
    pg = with(pg, "10.200.1.7", "pg-2", false);
    EndpointSlice many = slice("db", "many-1", "many");
    for (int i = 0; i < 200; i++) {
      many = with(many, "10.200.2." + (i + 1), null, true);
    }
    EndpointSlice six4 = slice("db", "six-4", "six");
    six4 = with(six4, "10.200.3.1", "twin", true);
    six4 = with(six4, "10.200.3.2", "twin", true);
    EndpointSlice six6 = slice("db", "six-6", "six");
    six6 = with(six6, "fd00:200::31", "twin", true);
    six6 = with(six6, "fd00:200::32", null, true);
    EndpointSlice early = with(slice("db", "early-1", "early"), "10.200.4.1", "early-0", false);
    EndpointSlice trap = with(slice("db", "trap-1", "trap"), "127.0.0.1", null, true);
    trap = with(trap, "169.254.169.254", "metadata", true);
    return List.of(pg, many, six4, six6, early, trap);
  }
}
