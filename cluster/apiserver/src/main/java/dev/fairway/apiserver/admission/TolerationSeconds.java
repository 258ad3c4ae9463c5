// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Lets a pod stay five minutes on a node that is not well, unless it says something else.
final class TolerationSeconds implements AdmissionStep {
  private static final int SECONDS = 300;
  private static final List<String> TAINTS =
      List.of("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable");

  @Override
  public String name() {
    return "DefaultTolerationSeconds";
  }

  @Override
  public void admit(Admission admission) {
    if (!admission.creates("", "Pod")) {
      return;
    }
    ObjectNode spec = Trees.child(admission.object(), "spec");
    for (String taint : TAINTS) {
      if (tolerates(spec, taint)) {
        continue;
      }
      ArrayNode list =
          spec.get("tolerations") instanceof ArrayNode given ? given : spec.putArray("tolerations");
      list.addObject()
          .put("key", taint)
          .put("operator", "Exists")
          .put("effect", "NoExecute")
          .put("tolerationSeconds", SECONDS);
    }
  }

  private static boolean tolerates(JsonNode spec, String taint) {
    for (JsonNode toleration : Trees.items(spec, "tolerations")) {
      String key = Trees.text(toleration, "key");
      String effect = Trees.text(toleration, "effect");
      if ((key.equals(taint) || key.isEmpty())
          && (effect.equals("NoExecute") || effect.isEmpty())) {
        return true;
      }
    }
    return false;
  }
}
