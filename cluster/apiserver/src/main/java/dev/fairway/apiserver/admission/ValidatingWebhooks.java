// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.store.Store;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Asks servers outside whether an object may be, all at the same time.
final class ValidatingWebhooks implements AdmissionStep {
  private final Webhooks webhooks;

  ValidatingWebhooks(Store store, Lookup lookup, Conditions conditions) {
    this.webhooks =
        new Webhooks(store, lookup, conditions, "ValidatingWebhookConfiguration", false);
  }

  @Override
  public String name() {
    return "ValidatingAdmissionWebhook";
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
    List<Webhooks.Due> due = new ArrayList<>();
    for (List<Webhook> configuration : webhooks.all()) {
      for (Webhook webhook : configuration) {
        Webhooks.Due one = webhooks.due(webhook, admission);
        if (one != null) {
          due.add(one);
        }
      }
    }
    if (due.size() == 1) {
      ask(due.getFirst(), admission);
    } else if (!due.isEmpty()) {
      askAll(due, admission);
    }
  }

  private void ask(Webhooks.Due due, Admission admission) {
    AdmissionReview.Verdict verdict = webhooks.ask(due, admission);
    if (verdict != null && !verdict.allowed()) {
      throw verdict.denial(due.webhook().name());
    }
  }

  private void askAll(List<Webhooks.Due> due, Admission admission) {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> asked = new ArrayList<>();
      for (Webhooks.Due one : due) {
        asked.add(threads.submit(() -> ask(one, admission)));
      }
      for (Future<?> each : asked) {
        each.get();
      }
    } catch (ExecutionException failed) {
      if (failed.getCause() instanceof RuntimeException refused) {
        throw refused;
      }
      throw new IllegalStateException(failed.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
