// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// One entry of a webhook configuration, understood.
///
/// @param id unique among all configurations
/// @param quiet whether it may be called for what is not kept
record Webhook(
    String id,
    String name,
    Matching matching,
    List<JsonNode> conditions,
    boolean ignoresFailure,
    Duration timeout,
    boolean quiet,
    boolean again,
    WebhookAddress address) {
  private static final int DEFAULT_SECONDS = 10;

  /// The webhooks of a configuration, in their order.
  static List<Webhook> of(ObjectNode configuration) {
    List<Webhook> found = new ArrayList<>();
    String owner = Trees.text(configuration, "metadata", "name");
    for (JsonNode webhook : Trees.items(configuration, "webhooks")) {
      String name = Trees.text(webhook, "name");
      found.add(
          new Webhook(
              owner + "/" + name,
              name,
              Matching.ofWebhook(webhook),
              webhook.path("matchConditions").valueStream().toList(),
              Trees.text(webhook, "failurePolicy").equals("Ignore"),
              Duration.ofSeconds(Trees.number(webhook, DEFAULT_SECONDS, "timeoutSeconds")),
              Trees.text(webhook, "sideEffects").startsWith("None"),
              Trees.text(webhook, "reinvocationPolicy").equals("IfNeeded"),
              WebhookAddress.of(webhook.path("clientConfig"))));
    }
    return found;
  }
}
