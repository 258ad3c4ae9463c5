// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterLockTest {
  @TempDir Path directory;

  @Test
  void oneAtATimeForEachCluster() {
    try (ClusterLock mine = ClusterLock.take(paths("one"));
        ClusterLock another = ClusterLock.take(paths("two"))) {
      assertThat(mine).isNotEqualTo(another);
      assertThatThrownBy(() -> ClusterLock.take(paths("one")))
          .isInstanceOf(ProvisionException.class)
          .hasMessage(
              "another ./fairway up or down works on cluster one right now; wait until it is done");
    }
    ClusterLock.take(paths("one")).close();
  }

  private ClusterPaths paths(String cluster) {
    return new ClusterPaths(
        directory.resolve("lib").resolve(cluster), directory.resolve(cluster), cluster);
  }
}
