// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Cluster objects as an API server gives them.
public final class KubeObjects {
  private KubeObjects() {}

  public static ServiceBuilder service(String name, String address) {
    return new ServiceBuilder()
        .withNewMetadata()
        .withNamespace("default")
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .withType("ClusterIP")
        .withClusterIP(address)
        .withClusterIPs(address)
        .endSpec();
  }

  public static Service service(String name, String address, String protocol, int port) {
    return port(service(name, address), null, protocol, port, null).build();
  }

  public static ServiceBuilder port(
      ServiceBuilder service,
      @Nullable String portName,
      String protocol,
      int port,
      @Nullable Integer nodePort) {
    return service
        .editSpec()
        .addNewPort()
        .withName(portName)
        .withProtocol(protocol)
        .withPort(port)
        .withTargetPort(new IntOrString("web"))
        .withNodePort(nodePort)
        .endPort()
        .endSpec();
  }

  public static EndpointSliceBuilder slice(String service, Endpoint... endpoints) {
    boolean six = endpoints.length > 0 && endpoints[0].getAddresses().getFirst().indexOf(':') >= 0;
    return new EndpointSliceBuilder()
        .withNewMetadata()
        .withNamespace("default")
        .withName(service + "-x1")
        .addToLabels("kubernetes.io/service-name", service)
        .endMetadata()
        .withAddressType(six ? "IPv6" : "IPv4")
        .withEndpoints(Arrays.asList(endpoints));
  }

  public static EndpointSliceBuilder port(
      EndpointSliceBuilder slice, @Nullable String name, String protocol, int port) {
    return slice.addNewPort().withName(name).withProtocol(protocol).withPort(port).endPort();
  }

  public static EndpointSlice slice(
      String service, String protocol, int port, Endpoint... endpoints) {
    return port(slice(service, endpoints), null, protocol, port).build();
  }

  public static Endpoint ready(String node, String address) {
    return endpoint(node, address, true, true, false);
  }

  public static Endpoint endpoint(
      String node, String address, boolean ready, boolean serving, boolean terminating) {
    return new EndpointBuilder()
        .withAddresses(address)
        .withNodeName(node)
        .withNewConditions()
        .withReady(ready)
        .withServing(serving)
        .withTerminating(terminating)
        .endConditions()
        .build();
  }
}
