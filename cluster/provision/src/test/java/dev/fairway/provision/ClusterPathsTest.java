// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterPathsTest {
  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "../docker", "a/b", "lab "})
  void noPathExistsForANameThatIsNone(String name) {
    assertThatThrownBy(() -> ClusterPaths.of(name))
        .isInstanceOf(ProvisionException.class)
        .hasMessageStartingWith("--name " + name + ": a cluster's name is 1 to 8");
  }

  @ParameterizedTest
  @CsvSource({
    "fairway-lab-worker-0, true",
    "fairway-lab-controller-0, true",
    "fairway-lab-2-worker-0, false",
    "fairway-lab-worker-, false",
    "fairway-lab-worker-0-x, false",
    "fairway-other-worker-0, false",
    "lab, false",
  })
  void tellsItsNamespacesFromThoseOfASimilarName(String namespace, boolean own) {
    assertThat(ClusterPaths.of("lab").isNamespaceOfThisCluster(namespace)).isEqualTo(own);
  }

  @Test
  void namespacesAreWhereIpFindsThem() {
    Machine worker =
        new Machine("worker-1", Machine.Role.WORKER, List.of(IpAddress.parse("10.240.0.21")), 1);
    assertThat(ClusterPaths.of("lab").networkNamespace(worker))
        .hasToString("/run/netns/fairway-lab-worker-1");
  }
}
