// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Decoder;
import dev.fairway.apimachinery.Defaults;
import dev.fairway.apimachinery.FieldValidation;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.patch.Patches;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.store.Store;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// Asks servers outside to change objects, one after the other, in the order of the configurations'
/// names.
final class MutatingWebhooks implements AdmissionStep {
  private final Webhooks webhooks;

  MutatingWebhooks(Store store, Lookup lookup, Conditions conditions) {
    this.webhooks = new Webhooks(store, lookup, conditions, "MutatingWebhookConfiguration", true);
  }

  @Override
  public String name() {
    return "MutatingAdmissionWebhook";
  }

  @Override
  public boolean judges(Admission admission) {
    return Webhooks.concern(admission);
  }

  @Override
  public boolean isUsers() {
    return true;
  }

  @Override
  public void admit(Admission admission) {
    for (List<Webhook> configuration : webhooks.all()) {
      for (Webhook webhook : configuration) {
        Webhooks.Due due = webhooks.due(webhook, admission);
        if (due != null && admission.rounds().asks(webhook.id())) {
          ask(due, admission);
        }
      }
    }
  }

  private void ask(Webhooks.Due due, Admission admission) {
    Webhook webhook = due.webhook();
    AdmissionReview.Verdict verdict = webhooks.ask(due, admission);
    if (verdict == null) {
      return;
    }
    if (!verdict.allowed()) {
      throw verdict.denial(webhook.name());
    }
    boolean changed = false;
    byte[] patch = verdict.patch();
    if (patch != null) {
      changed = apply(due, admission, patch);
    }
    admission.rounds().asked(webhook.id(), webhook.again(), changed);
  }

  private static boolean apply(Webhooks.Due due, Admission admission, byte[] patch) {
    if (admission.operation() == Admission.Operation.DELETE) {
      throw StatusException.internal(
          "admission webhook \""
              + due.webhook().name()
              + "\" attempted to modify the object, which"
              + " is not supported for this operation");
    }
    Kind kind = admission.kind();
    ObjectNode patched;
    try {
      patched = Patches.apply(Patches.Type.JSON, kind, admission.object(), patch, false);
      // The other version differs by its name only, see AdmissionReview.
      patched.put("apiVersion", kind.apiVersion());
      patched = Decoder.check(kind, patched, FieldValidation.IGNORE).object();
    } catch (StatusException broken) {
      throw StatusException.internal(String.valueOf(broken.getMessage()));
    }
    Defaults.apply(kind, patched);
    ObjectNode before = Trees.copy(admission.object());
    admission.become(patched);
    return !before.equals(admission.object());
  }
}
