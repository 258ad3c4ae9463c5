// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.cel.ExpressionFailed;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.apiserver.streaming.SecurePost;
import dev.fairway.store.Store;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/// What both kinds of webhooks share: whom to ask, asking, and what a failure means.
final class Webhooks {
  private static final Logger LOG = LoggerFactory.getLogger(Webhooks.class);
  private static final String GROUP = "admissionregistration.k8s.io";

  /// Parts of the objects that are what webhooks know; others mean another kind of body.
  private static final Set<String> SUBRESOURCES =
      Set.of("", "status", "ephemeralcontainers", "resize", "finalize", "approval");

  private final Lookup lookup;
  private final Conditions conditions;
  private final boolean mayPatch;
  private final Followed<List<Webhook>> configurations;

  Webhooks(Store store, Lookup lookup, Conditions conditions, String kindName, boolean mayPatch) {
    this.lookup = lookup;
    this.conditions = conditions;
    this.mayPatch = mayPatch;
    this.configurations = new Followed<>(store, GROUP, kindName, Webhook::of);
  }

  /// A webhook that is about a write, and the version it wants to see.
  record Due(Webhook webhook, String version) {}

  /// Nobody could mend what judges its own changes: these kinds pass.
  static boolean concern(Admission admission) {
    return !admission.kind().group().equals(GROUP)
        && SUBRESOURCES.contains(admission.subresource());
  }

  List<List<Webhook>> all() {
    return configurations.all();
  }

  /// Null if the webhook is not about this write.
  @Nullable Due due(Webhook webhook, Admission admission) {
    String version = webhook.matching().version(admission, lookup);
    if (version == null) {
      return null;
    }
    try {
      if (!webhook.conditions().isEmpty()
          && !conditions.hold(webhook.conditions(), conditions.of(admission, version))) {
        return null;
      }
    } catch (ExpressionFailed failed) {
      failed(webhook, failed.getMessage());
      return null;
    }
    if (admission.dryRun() && !webhook.quiet()) {
      throw StatusException.badRequest(
          "admission webhook \"" + webhook.name() + "\" does not support dry run");
    }
    return new Due(webhook, version);
  }

  /// Asks; null if it failed and that does not matter. Warnings are told at once.
  AdmissionReview.@Nullable Verdict ask(Due due, Admission admission) {
    Webhook webhook = due.webhook();
    ObjectNode question = AdmissionReview.question(admission, due.version());
    try {
      SecurePost.Answer answer;
      try {
        answer = webhook.address().post(lookup, Trees.write(question), webhook.timeout());
      } catch (IOException broken) {
        throw new IOException(
            "failed to call webhook: Post \""
                + webhook.address().shown(webhook.timeout())
                + "\": "
                + broken.getMessage(),
            broken);
      }
      if (answer.status() < 200 || answer.status() > 299) {
        throw new IOException(
            "failed to call webhook: the server answered with status " + answer.status());
      }
      AdmissionReview.Verdict verdict =
          AdmissionReview.answer(answer.body(), Trees.text(question, "request", "uid"), mayPatch);
      verdict.warnings().forEach(admission::warn);
      return verdict;
    } catch (IOException failed) {
      failed(webhook, String.valueOf(failed.getMessage()));
      return null;
    }
  }

  /// Decides what a failure of a webhook means.
  void failed(Webhook webhook, String why) {
    if (webhook.ignoresFailure()) {
      LOG.warn("failed calling webhook {}, failing open: {}", webhook.name(), why);
      return;
    }
    throw StatusException.internal("failed calling webhook \"" + webhook.name() + "\": " + why);
  }
}
