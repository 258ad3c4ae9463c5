// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SlicePlanTest {
  private static Service service(String spec) {
    return Objects.read(
        Service.class,
        """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: ns, uid: s1, labels: {team: a}}
        spec:
          clusterIP: 10.32.0.5
          selector: {app: web}
          ports: [{name: http, port: 80, targetPort: http, protocol: TCP}]
          %s
        """
            .formatted(spec));
  }

  private static Pod pod(int number, boolean ready) {
    return Objects.read(
        Pod.class,
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: p%d, namespace: ns, uid: u%d, labels: {app: web}}
        spec:
          nodeName: w0
          containers: [{name: c, ports: [{name: http, containerPort: 8080, protocol: TCP}]}]
        status:
          phase: Running
          podIP: 10.200.0.%d
          podIPs: [{ip: 10.200.0.%d}]
          conditions: [{type: Ready, status: '%s'}]
        """
            .formatted(number, number, number, number, ready ? "True" : "False"));
  }

  private final List<EndpointSlice> slices = new ArrayList<>();
  private int names;

  private List<SlicePacking.Step> apply(Service service, List<Pod> pods) {
    List<SlicePacking.Step> steps =
        SlicePlan.steps(service, pods, Map.of(), List.copyOf(slices), Optional.empty());
    for (SlicePacking.Step step : steps) {
      switch (step) {
        case SlicePacking.Step.Create(EndpointSlice slice) ->
            slices.add(
                new EndpointSliceBuilder(slice)
                    .editMetadata()
                    .withName("s" + names++)
                    .endMetadata()
                    .build());
        case SlicePacking.Step.Update(EndpointSlice slice) ->
            slices.replaceAll(old ->
                old.getMetadata().getName().equals(slice.getMetadata().getName()) ? slice : old);
        case SlicePacking.Step.Delete(EndpointSlice slice) ->
            slices.removeIf(
                old -> old.getMetadata().getName().equals(slice.getMetadata().getName()));
      }
    }
    assertThat(SlicePlan.steps(service, pods, Map.of(), List.copyOf(slices), Optional.empty()))
        .isEmpty();
    return steps;
  }

  private static Pod going(Pod pod) {
    return new PodBuilder(pod)
        .editMetadata()
        .withDeletionTimestamp("2026-01-01T00:00:00Z")
        .endMetadata()
        .build();
  }

  @Test
  void followsReadiness() {
    apply(service(""), List.of(pod(1, true), pod(2, false), going(pod(3, true))));
    EndpointSlice slice = slices.get(0);
    assertThat(slices).hasSize(1);
    assertThat(slice.getMetadata().getLabels())
        .containsEntry("kubernetes.io/service-name", "web")
        .containsEntry("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io")
        .containsEntry("team", "a");
    assertThat(slice.getPorts().get(0).getPort()).isEqualTo(8080);
    assertThat(slice.getPorts().get(0).getName()).isEqualTo("http");
    assertThat(slice.getEndpoints())
        .extracting(SlicePlanTest::conditions)
        .containsExactly(
            "10.200.0.1 true true false",
            "10.200.0.2 false false false",
            "10.200.0.3 false true true");
    assertThat(slice.getEndpoints().get(0).getNodeName()).isEqualTo("w0");
    assertThat(slice.getEndpoints().get(0).getTargetRef().getName()).isEqualTo("p1");
  }

  private static String conditions(Endpoint endpoint) {
    return endpoint.getAddresses().get(0)
        + " "
        + endpoint.getConditions().getReady()
        + " "
        + endpoint.getConditions().getServing()
        + " "
        + endpoint.getConditions().getTerminating();
  }

  @Test
  void publishesTheUnreadyIfAsked() {
    apply(service("publishNotReadyAddresses: true"), List.of(pod(2, false)));
    assertThat(conditions(slices.get(0).getEndpoints().get(0)))
        .isEqualTo("10.200.0.2 true false false");
  }

  @Test
  void oneEmptySliceStandsForNoPods() {
    apply(service(""), List.of());
    assertThat(slices).singleElement().satisfies(s -> assertThat(s.getEndpoints()).isEmpty());
    List<SlicePacking.Step> steps = apply(service(""), List.of(pod(1, true)));
    assertThat(steps).singleElement().isInstanceOf(SlicePacking.Step.Update.class);
    apply(service(""), List.of());
    assertThat(slices).hasSize(1);
  }

  @Test
  void aSliceHoldsAHundredAndOneChangeIsOneWrite() {
    List<Pod> pods = new ArrayList<>();
    for (int i = 0; i < 250; i++) {
      pods.add(pod(i, true));
    }
    apply(service(""), pods);
    assertThat(slices).extracting(s -> s.getEndpoints().size()).containsExactly(100, 100, 50);
    pods.set(120, pod(120, false));
    assertThat(apply(service(""), pods)).hasSize(1);
    pods.remove(3);
    pods.add(pod(251, true));
    assertThat(apply(service(""), pods)).hasSize(1);
    assertThat(slices).extracting(s -> s.getEndpoints().size()).containsExactly(100, 100, 50);
  }

  @Test
  void podsThatNameTheirPortDifferentlyGetTheirOwnSlice() {
    Pod other =
        new PodBuilder(pod(2, true))
            .editSpec()
            .editFirstContainer()
            .editFirstPort()
            .withContainerPort(9090)
            .endPort()
            .endContainer()
            .endSpec()
            .build();
    apply(service(""), List.of(pod(1, true), other));
    assertThat(slices).extracting(s -> s.getPorts().get(0).getPort()).containsExactly(8080, 9090);
  }

  @Test
  void endpointsGroupByPorts() {
    EndpointsPlan.Wanted wanted =
        EndpointsPlan.of(
            service(""), List.of(pod(2, true), pod(1, true), pod(3, false), going(pod(4, true))));
    assertThat(wanted.truncated()).isFalse();
    assertThat(wanted.subsets()).hasSize(1);
    assertThat(wanted.subsets().get(0).getAddresses())
        .extracting(a -> a.getIp())
        .containsExactly("10.200.0.1", "10.200.0.2");
    assertThat(wanted.subsets().get(0).getNotReadyAddresses())
        .extracting(a -> a.getIp())
        .containsExactly("10.200.0.3");
    assertThat(wanted.subsets().get(0).getPorts().get(0).getPort()).isEqualTo(8080);
  }
}
