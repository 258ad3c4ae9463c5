// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.Prefix;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterSpecTest {
  @Test
  void addressesAreThoseOfTheHardWay() {
    ClusterSpec spec = spec("lab", 3);
    assertThat(spec.machines().stream().map(m -> m.name() + " " + m.address()))
        .containsExactly(
            "controller-0 10.240.0.10",
            "worker-0 10.240.0.20",
            "worker-1 10.240.0.21",
            "worker-2 10.240.0.22");
    assertThat(spec.apiUrl()).isEqualTo("https://10.240.0.10:6443");
    assertThat(spec.apiServiceAddress()).hasToString("10.32.0.1");
    assertThat(spec.dnsAddress()).hasToString("10.32.0.10");
    assertThat(spec.gateway()).hasToString("10.240.0.1");
  }

  @Test
  void theSecondFamilyLooksLikeTheFirst() {
    assertThat(spec("lab", 20).machines().stream().map(m -> m.addresses().getLast().toString()))
        .startsWith("fd00:10:240::10", "fd00:10:240::20", "fd00:10:240::21")
        .endsWith("fd00:10:240::39");
  }

  @Test
  void refusesFamiliesThatOnlyPodsHave() {
    assertThatThrownBy(() ->
            new ClusterSpec(
                "lab",
                1,
                ClusterSpec.Backend.VXLAN,
                List.of(Prefix.parse("10.240.0.0/24")),
                List.of(Prefix.parse("fd00:10:200::/48")),
                Prefix.parse("10.32.0.0/16"),
                ClusterSpec.Storage.EMBEDDED))
        .hasMessageContaining("must be of the same families");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Lab", "1lab", "lab-", "la.b", "toolongname", "../x", "a/b"})
  void refusesNamesThatCannotNameALink(String name) {
    assertThatThrownBy(() -> spec(name, 3))
        .isInstanceOf(ProvisionException.class)
        .hasMessageStartingWith("--name " + name + ": a cluster's name is 1 to 8 ");
  }

  @ParameterizedTest
  @CsvSource({"0", "21", "-1"})
  void refusesTooFewOrTooManyWorkers(int workers) {
    assertThatThrownBy(() -> spec("lab", workers))
        .isInstanceOf(ProvisionException.class)
        .hasMessage("--workers " + workers + ": a cluster has 1 to 20 workers");
  }

  private static ClusterSpec spec(String name, int workers) {
    return new ClusterSpec(
        name,
        workers,
        ClusterSpec.Backend.VXLAN,
        List.of(Prefix.parse("10.240.0.0/24"), Prefix.parse("fd00:10:240::/64")),
        List.of(Prefix.parse("10.200.0.0/16"), Prefix.parse("fd00:10:200::/48")),
        Prefix.parse("10.32.0.0/16"),
        ClusterSpec.Storage.EMBEDDED);
  }
}
