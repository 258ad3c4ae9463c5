// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceFieldSelectorBuilder;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;

/// What is made of a pod's text: variables, resolver, resources, fields.
class PodTextTest {
  @Test
  void variablesAreReplacedWhereKnown() {
    Map<String, String> known = Map.of("A", "1", "B", "two");
    assertThat(Expansion.of("plain", known)).isEqualTo("plain");
    assertThat(Expansion.of("$(A)-$(B)", known)).isEqualTo("1-two");
    assertThat(Expansion.of("$(C) $$(A) $$$(A) $x $", known)).isEqualTo("$(C) $(A) $1 $x $");
    assertThat(Expansion.of("$(A", known)).isEqualTo("$(A");
  }

  @Test
  void anyTextExpandsWithoutHarm() {
    var random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
    for (int i = 0; i < 20_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int length = random.nextInt(12); length > 0; length--) {
        text.append("$()AB ".charAt(random.nextInt(6)));
      }
      assertThat(Expansion.of(text.toString(), Map.of("A", "", "B", ""))).isNotNull();
    }
  }

  @Test
  void theResolverFollowsTheDnsPolicy() {
    List<String> host = List.of("# mine", "nameserver 192.0.2.1", "search lan", "options edns0");
    var first = PodDns.of(pod(), "10.32.0.10", "cluster.local", host);
    assertThat(first.getServersList()).containsExactly("10.32.0.10");
    assertThat(first.getSearchesList())
        .containsExactly("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan");
    assertThat(first.getOptionsList()).containsExactly("ndots:5");

    Pod onHost = new PodBuilder(pod()).editSpec().withHostNetwork(true).endSpec().build();
    var plain = PodDns.of(onHost, "10.32.0.10", "cluster.local", host);
    assertThat(plain.getServersList()).containsExactly("192.0.2.1");
    assertThat(plain.getOptionsList()).containsExactly("edns0");

    Pod own =
        new PodBuilder(pod())
            .editSpec()
            .withDnsPolicy("None")
            .withNewDnsConfig()
            .withNameservers("198.51.100.1")
            .withSearches("example")
            .addNewOption("ndots", "2")
            .endDnsConfig()
            .endSpec()
            .build();
    var alone = PodDns.of(own, "10.32.0.10", "cluster.local", host);
    assertThat(alone.getServersList()).containsExactly("198.51.100.1");
    assertThat(alone.getSearchesList()).containsExactly("example");
    assertThat(alone.getOptionsList()).containsExactly("ndots:2");
  }

  @Test
  void requestsAndLimitsRankAPod() {
    assertThat(Qos.classOf(pod())).isEqualTo("BestEffort");
    assertThat(Qos.classOf(pod(Map.of("cpu", "1", "memory", "1Gi"), Map.of())))
        .isEqualTo("Guaranteed");
    assertThat(Qos.classOf(pod(Map.of("cpu", "1"), Map.of()))).isEqualTo("Burstable");
    assertThat(Qos.classOf(pod(Map.of(), Map.of("memory", "1Gi")))).isEqualTo("Burstable");
  }

  @Test
  void resourcesBecomeTheKernelsNumbers() {
    Container container = container(Map.of("cpu", "250m", "memory", "64Mi"), Map.of("cpu", "100m"));
    assertThat(Qos.shares(container)).isEqualTo(102);
    assertThat(Qos.quotaMicros(container)).isEqualTo(25_000);
    assertThat(Qos.memoryLimitBytes(container)).isEqualTo(64L << 20);
    Container none = container(Map.of(), Map.of());
    assertThat(Qos.shares(none)).isEqualTo(2);
    assertThat(Qos.quotaMicros(none)).isZero();
    assertThat(Qos.oomScoreAdjust(pod(), none, 1 << 30)).isEqualTo(1000);
  }

  @Test
  void aPodReadsItself() throws Exception {
    PodFields fields =
        new PodFields(
            pod(),
            List.of("10.200.0.5", "fd00:10:200::5"),
            List.of("10.240.0.20", "fd00:10:240::20"),
            1 << 30,
            2);
    assertThat(fields.field("metadata.name")).isEqualTo("p");
    assertThat(fields.field("metadata.labels['app']")).isEqualTo("web");
    assertThat(fields.field("metadata.labels")).isEqualTo("app=\"web\"");
    assertThat(fields.field("metadata.annotations['none']")).isEmpty();
    assertThat(fields.field("status.podIP")).isEqualTo("10.200.0.5");
    assertThat(fields.field("status.podIPs")).isEqualTo("10.200.0.5,fd00:10:200::5");
    assertThat(fields.field("status.hostIP")).isEqualTo("10.240.0.20");
    assertThat(fields.field("status.hostIPs")).isEqualTo("10.240.0.20,fd00:10:240::20");
    assertThatThrownBy(() -> fields.field("spec.nothing")).hasMessageContaining("spec.nothing");
    var cpus = new ResourceFieldSelectorBuilder().withResource("limits.cpu").build();
    assertThat(fields.resource(cpus, container(Map.of(), Map.of()))).isEqualTo("2");
    assertThat(fields.resource(cpus, container(Map.of("cpu", "1500m"), Map.of()))).isEqualTo("2");
    var milli =
        new ResourceFieldSelectorBuilder()
            .withResource("limits.cpu")
            .withDivisor(new Quantity("1m"))
            .build();
    assertThat(fields.resource(milli, container(Map.of("cpu", "1500m"), Map.of())))
        .isEqualTo("1500");
  }

  private static Pod pod() {
    return pod(Map.of(), Map.of());
  }

  private static Pod pod(Map<String, String> limits, Map<String, String> requests) {
    return new PodBuilder()
        .withNewMetadata()
        .withName("p")
        .withNamespace("ns")
        .addToLabels("app", "web")
        .endMetadata()
        .withNewSpec()
        .withContainers(container(limits, requests))
        .endSpec()
        .build();
  }

  private static Container container(Map<String, String> limits, Map<String, String> requests) {
    ContainerBuilder container = new ContainerBuilder().withName("c").withImage("i");
    var resources = container.withNewResources();
    limits.forEach((name, value) -> resources.addToLimits(name, new Quantity(value)));
    requests.forEach((name, value) -> resources.addToRequests(name, new Quantity(value)));
    return resources.endResources().build();
  }
}
