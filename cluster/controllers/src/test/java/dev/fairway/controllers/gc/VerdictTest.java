// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.gc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.controllers.Objects;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VerdictTest {
  @ParameterizedTest
  @CsvSource({
    "'', false, Keep",
    "THERE, false, Keep",
    "THERE GONE, false, KeepFor 1",
    "THERE WAITING, true, KeepFor 1",
    "GONE, true, Delete Background",
    "GONE WAITING, false, Delete Background",
    "WAITING, true, Delete Foreground",
  })
  void byTheStandingOfOwners(String standings, boolean hasDependents, String expected) {
    List<String> owners = new ArrayList<>();
    for (String each : standings.isEmpty() ? new String[0] : standings.split(" ")) {
      owners.add("{uid: " + each + ", kind: K, name: n, apiVersion: v1}");
    }
    Pod pod = Objects.read(Pod.class, "{metadata: {name: p, ownerReferences: " + owners + "}}");
    Verdict verdict =
        Verdict.of(pod, hasDependents, owner -> Verdict.Standing.valueOf(owner.getUid()));
    assertThat(
            switch (verdict) {
              case Verdict.Keep() -> "Keep";
              case Verdict.KeepFor(var left) -> "KeepFor " + left.size();
              case Verdict.Delete(var propagation) -> "Delete " + propagation;
            })
        .isEqualTo(expected);
  }
}
