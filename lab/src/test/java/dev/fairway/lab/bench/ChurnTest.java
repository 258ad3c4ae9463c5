// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Nothing is left of pods that came and went. `-Dfairway.churn.pods=10000` makes it a soak, as
/// `./fairway bench churn` is.
@Tag("slow")
class ChurnTest {
  @TempDir Path directory;

  @Test
  void nothingIsLeftOfPodsThatCameAndWent() throws Exception {
    int pods = Integer.getInteger("fairway.churn.pods", 200);
    ChurnBench.Left left = ChurnBench.churn(directory, pods);
    assertThat(left.isNothing()).as(left.toString()).isTrue();
  }
}
