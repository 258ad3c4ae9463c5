// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Types every command of the pages and wants the output that they show.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class TourTest {
  @ParameterizedTest
  @CsvSource({"tour.md, 16", "packet-paths.md, 16"})
  void thePageIsTrue(String page, int leastCommands, LabCluster cluster) throws IOException {
    assertThat(Page.play(cluster, page, "")).isGreaterThanOrEqualTo(leastCommands);
  }
}
