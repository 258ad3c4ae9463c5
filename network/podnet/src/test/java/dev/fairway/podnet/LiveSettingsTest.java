// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import dev.fairway.podnet.settings.PodNetworkSettings;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LiveSettingsTest {
  private static final PodNetworkSettings INITIAL =
      PodNetworkSettings.of(BackendKind.VXLAN, List.of(Prefix.parse("10.200.0.0/16")));

  private static final String ROUTES =
      """
      apiVersion: podnet.fairway.dev/v1
      kind: PodNetworkConfiguration
      podRanges: [10.200.0.0/16]
      backend: routes
      """;

  @TempDir Path directory;

  private LiveSettings begin() {
    return LiveSettings.begin(INITIAL, directory.resolve("podnet.yaml"));
  }

  private static Optional<ConfigMap> object(String text) {
    return Optional.of(new ConfigMapBuilder().withData(Map.of("podnet.yaml", text)).build());
  }

  @Test
  void theLastGoodOnesGoOnPastARestart() {
    LiveSettings first = begin();
    first.follow(object(ROUTES));
    first.follow(object("backend: ipip"));
    assertThat(first.current().backend()).isEqualTo(BackendKind.ROUTES);
    LiveSettings second = begin();
    assertThat(second.current().backend()).isEqualTo(BackendKind.ROUTES);
    second.follow(object("backend: ipip"));
    assertThat(second.refusal()).isPresent();
    assertThat(second.current().backend()).isEqualTo(BackendKind.ROUTES);
  }

  @Test
  void withoutTheObjectThoseOfTheStartCount() {
    LiveSettings first = begin();
    first.follow(object(ROUTES));
    first.follow(Optional.empty());
    assertThat(first.current()).isEqualTo(INITIAL);
    assertThat(begin().current()).isEqualTo(INITIAL);
  }

  @Test
  void aFileThatMakesNoSenseIsPassedOver() throws Exception {
    Files.writeString(directory.resolve("podnet.yaml"), "no settings");
    assertThat(begin().current()).isEqualTo(INITIAL);
  }
}
