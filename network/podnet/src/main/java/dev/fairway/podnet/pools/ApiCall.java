// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.podnet.ipam.NoAddress.Reason;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// A question to the API server that somebody waits for, so it has an end: the client by itself
/// would go on trying for minutes.
final class ApiCall {
  static final int NOT_FOUND = 404;
  static final int FORBIDDEN = 403;
  static final int CONFLICT = 409;
  static final Duration LIMIT = Duration.ofSeconds(5);

  private ApiCall() {}

  /// @throws NoAddress if there is no answer in time, or one that nobody can do anything about
  static <T> T ask(String what, Callable<T> call) throws NoAddress {
    FutureTask<T> task = new FutureTask<>(call);
    Thread.ofVirtual().name("ask-api").start(task);
    try {
      return task.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new NoAddress(Reason.UNREACHABLE, what + ": " + reason(e.getCause()), e.getCause());
    } catch (TimeoutException e) {
      task.cancel(true);
      throw new NoAddress(
          Reason.UNREACHABLE, what + ": no answer in " + LIMIT.toSeconds() + " s", e);
    } catch (InterruptedException e) {
      task.cancel(true);
      Thread.currentThread().interrupt();
      throw new NoAddress(Reason.UNREACHABLE, what + ": the agent is ending", e);
    }
  }

  private static String reason(Throwable cause) {
    return cause instanceof KubernetesClientException told && told.getStatus() != null
        ? String.valueOf(told.getStatus().getMessage())
        : String.valueOf(cause.getMessage());
  }
}
