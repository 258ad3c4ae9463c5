// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import io.fabric8.kubernetes.api.model.Endpoints;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MirrorPlanTest {
  private static Endpoints endpoints(String subsets) {
    return Objects.read(
        Endpoints.class,
        """
        apiVersion: v1
        kind: Endpoints
        metadata:
          name: web
          namespace: ns
          uid: e1
          labels: {team: a}
          annotations:
            note: kept
            endpoints.kubernetes.io/last-change-trigger-time: "2026-01-01T00:00:00Z"
            kubectl.kubernetes.io/last-applied-configuration: "{}"
        subsets: %s
        """
            .formatted(subsets));
  }

  private final List<EndpointSlice> slices = new ArrayList<>();

  private int apply(String subsets) {
    Endpoints endpoints = endpoints(subsets);
    List<SlicePacking.Step> steps = MirrorPlan.steps(endpoints, List.copyOf(slices));
    for (SlicePacking.Step step : steps) {
      switch (step) {
        case SlicePacking.Step.Create(EndpointSlice slice) -> {
          slice.getMetadata().setName("s" + slices.size());
          slices.add(slice);
        }
        case SlicePacking.Step.Update(EndpointSlice slice) ->
            slices.replaceAll(old ->
                old.getMetadata().getName().equals(slice.getMetadata().getName()) ? slice : old);
        case SlicePacking.Step.Delete(EndpointSlice slice) -> slices.remove(slice);
      }
    }
    assertThat(MirrorPlan.steps(endpoints, List.copyOf(slices))).isEmpty();
    return steps.size();
  }

  private List<String> shown() {
    return slices.stream()
        .flatMap(slice ->
            slice.getEndpoints().stream()
                .map(each ->
                    "%s %s %s %s"
                        .formatted(
                            slice.getAddressType(),
                            each.getAddresses().getFirst(),
                            slice.getPorts().getFirst().getPort(),
                            each.getConditions().getReady() ? "ready" : "not")))
        .toList();
  }

  @Test
  void followsWhatWasWritten() {
    apply(
        """
        [{addresses: [{ip: 10.1.2.3, hostname: h}, {ip: "fd00::1"}],
          notReadyAddresses: [{ip: 10.1.2.4}], ports: [{name: http, port: 80}]}]
        """);
    assertThat(shown())
        .containsExactlyInAnyOrder(
            "IPv4 10.1.2.3 80 ready", "IPv4 10.1.2.4 80 not", "IPv6 fd00::1 80 ready");
    EndpointSlice first = slices.getFirst();
    assertThat(first.getMetadata().getLabels())
        .containsEntry("team", "a")
        .containsEntry("kubernetes.io/service-name", "web")
        .containsEntry(
            "endpointslice.kubernetes.io/managed-by", "endpointslicemirroring-controller.k8s.io");
    assertThat(first.getMetadata().getAnnotations()).containsOnlyKeys("note");
    assertThat(first.getMetadata().getOwnerReferences().getFirst().getKind())
        .isEqualTo("Endpoints");
    assertThat(first.getEndpoints().getFirst().getHostname()).isEqualTo("h");
    // A changed port and an address less are one write each family has slices for.
    assertThat(apply("[{addresses: [{ip: 10.1.2.3}], ports: [{name: http, port: 81}]}]"))
        .isEqualTo(2);
    assertThat(shown()).containsExactly("IPv4 10.1.2.3 81 ready");
    apply("[]");
    assertThat(slices).isEmpty();
  }

  @Test
  void aSubsetGivesAThousandAddressesInSlicesOfAHundred() {
    String addresses =
        String.join(
            ", ",
            IntStream.range(0, 1200)
                .mapToObj(i -> "{ip: 10.1.%d.%d}".formatted(i / 250, i % 250))
                .toList());
    apply("[{addresses: [" + addresses + "], ports: [{port: 80}]}]");
    assertThat(slices).hasSize(10).allSatisfy(s -> assertThat(s.getEndpoints()).hasSize(100));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}                                                              | {}           | true",
        "{labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}}     | {}           | false",
        "{annotations: {control-plane.alpha.kubernetes.io/leader: '{}'}} | {}           | false",
        "{deletionTimestamp: '2026-01-01T00:00:00Z'}                     | {}           | false",
        "{}                                                              | {app: web}   | false",
      })
  void onlyDescriptionsAreMirrored(String metadata, String selector, boolean mirrored) {
    String service = "apiVersion: v1\nkind: Service\nspec: {selector: " + selector + "}\n";
    String endpoints = "apiVersion: v1\nkind: Endpoints\nmetadata: " + metadata + "\n";
    assertThat(
            MirrorPlan.isMirrored(
                Objects.read(Service.class, service), Objects.read(Endpoints.class, endpoints)))
        .isEqualTo(mirrored);
  }
}
