// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// So many Services of one port and three endpoints each, but for the last: it has the one pod that
/// answers.
///
/// @param services by number
/// @param slices of the Service of the same place
record ServicesSample(List<Service> services, List<EndpointSlice> slices) {
  static final int PORT = 80;
  static final int TARGET_PORT = 8080;
  static final int ENDPOINTS = 3;
  static final Prefix PODS = Prefix.parse("10.200.0.0/13");
  static final IpAddress CLIENT = IpAddress.parse("10.200.0.2");
  static final IpAddress SERVER = IpAddress.parse("10.200.0.3");
  private static final Prefix CLUSTER = Prefix.parse("10.32.0.0/16");

  static ServicesSample of(int count) {
    List<Service> services = new ArrayList<>();
    List<EndpointSlice> slices = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      services.add(service(i));
      slices.add(slice(i, i == count - 1 ? List.of(SERVER) : endpoints(i, 0)));
    }
    return new ServicesSample(services, slices);
  }

  static IpAddress clusterAddress(int number) {
    return CLUSTER.at(number + 100L);
  }

  /// The endpoints of a Service.
  ///
  /// @param generation another one has another third endpoint
  static List<IpAddress> endpoints(int number, int generation) {
    List<IpAddress> endpoints = new ArrayList<>();
    for (int j = 0; j < ENDPOINTS; j++) {
      long place = 1000 + (long) number * ENDPOINTS + j;
      endpoints.add(PODS.at(j == ENDPOINTS - 1 ? place + 200_000L * generation : place));
    }
    return endpoints;
  }

  private static Service service(int number) {
    String address = clusterAddress(number).toString();
    return new ServiceBuilder()
        .withNewMetadata()
        .withNamespace("bench")
        .withName("service-" + number)
        .endMetadata()
        .withNewSpec()
        .withType("ClusterIP")
        .withClusterIP(address)
        .withClusterIPs(address)
        .withIpFamilies("IPv4")
        .addNewPort()
        .withProtocol("TCP")
        .withPort(PORT)
        .endPort()
        .endSpec()
        .build();
  }

  static EndpointSlice slice(int number, List<IpAddress> endpoints) {
    EndpointSliceBuilder slice =
        new EndpointSliceBuilder()
            .withNewMetadata()
            .withNamespace("bench")
            .withName("service-" + number)
            .withLabels(Map.of("kubernetes.io/service-name", "service-" + number))
            .endMetadata()
            .withAddressType("IPv4")
            .addNewPort()
            .withProtocol("TCP")
            .withPort(TARGET_PORT)
            .endPort();
    for (IpAddress endpoint : endpoints) {
      slice
          .addNewEndpoint()
          .withAddresses(endpoint.toString())
          .withNewConditions()
          .withReady(true)
          .endConditions()
          .endEndpoint();
    }
    return slice.build();
  }
}
