// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class SpoofingPermitsTest {
  private static Namespace namespace(String name, String says) {
    return new NamespaceBuilder()
        .withNewMetadata()
        .withName(name)
        .withAnnotations(Map.of(SpoofingPermits.ANNOTATION, says))
        .endMetadata()
        .build();
  }

  private static Pod pod(String namespace, String name, String says, String... addresses) {
    PodBuilder pod =
        new PodBuilder()
            .withNewMetadata()
            .withNamespace(namespace)
            .withName(name)
            .withAnnotations(Map.of(SpoofingPermits.ANNOTATION, says))
            .endMetadata()
            .withNewSpec()
            .endSpec()
            .withNewStatus()
            .withPhase("Running")
            .endStatus();
    for (String address : addresses) {
      pod.editStatus().addNewPodIP(address).endStatus();
    }
    return pod.build();
  }

  @Test
  void thePodAndItsNamespaceMustBothSaySo() {
    List<Namespace> namespaces = List.of(namespace("edge", "true"), namespace("shop", "false"));
    Pod router = pod("edge", "router", "true", "10.200.0.2", "fd00:200::2");
    Pod web = pod("edge", "web", "false", "10.200.0.3");
    Pod intruder = pod("shop", "intruder", "true", "10.200.0.4");
    Pod unclear = pod("edge", "unclear", "yes", "10.200.0.5");
    Pod ended =
        pod("edge", "ended", "true", "10.200.0.6")
            .edit()
            .editStatus()
            .withPhase("Failed")
            .endStatus()
            .build();
    Pod onNode =
        pod("edge", "agent", "true", "10.240.0.20")
            .edit()
            .editSpec()
            .withHostNetwork(true)
            .endSpec()
            .build();
    SpoofingPermits.Permits permits =
        SpoofingPermits.of(List.of(router, web, intruder, unclear, ended, onNode), namespaces);
    assertThat(permits.exemptions())
        .containsOnlyKeys(IpAddress.parse("10.200.0.2"), IpAddress.parse("fd00:200::2"))
        .allSatisfy((address, exemption) -> assertThat(exemption.everything()).isTrue());
    assertThat(permits.refusals())
        .satisfiesExactly(
            first -> assertThat(first).contains("shop/intruder", "kubectl annotate namespace shop"),
            second -> assertThat(second).contains("edge/unclear", "\"true\" or \"false\""));
  }
}
