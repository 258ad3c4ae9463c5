// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells the owners of pods, by Warning events, why a pod has no address. The same word about the
/// same pod is said once in a while only, and never more than a few at a time: runtimes try a
/// failed pod again and again.
final class PodEvents {
  private static final Logger LOG = LoggerFactory.getLogger(PodEvents.class);
  private static final long AGAIN_NANOS = Duration.ofMinutes(2).toNanos();
  private static final int MOST_REMEMBERED = 1024;
  private static final int MOST_AT_ONCE = 8;

  /// Bytes of `metadata.name` (RFC 1123 subdomain).
  private static final int LONGEST_NAME = 253;

  /// As the API allows `note` in `events.k8s.io/v1`.
  private static final int LONGEST_MESSAGE = 1024;

  private final KubernetesClient client;
  private final String node;
  private final Semaphore sending = new Semaphore(MOST_AT_ONCE);
  private final Map<String, Long> said = new LinkedHashMap<>();

  PodEvents(KubernetesClient client, String node) {
    this.client = client;
    this.node = node;
  }

  /// Returns at once; an event that cannot be sent is lost.
  void warning(String namespace, String name, String uid, String reason, String message) {
    if (!isNews(uid + " " + reason + " " + message) || !sending.tryAcquire()) {
      return;
    }
    Thread.ofVirtual()
        .name("pod-event")
        .start(() -> {
          try {
            send(namespace, name, uid, reason, message);
          } catch (RuntimeException e) {
            LOG.info("No event about pod {}/{}: {}", namespace, name, e.getMessage());
          } finally {
            sending.release();
          }
        });
  }

  private synchronized boolean isNews(String words) {
    long now = System.nanoTime();
    said.values().removeIf(at -> now - at > AGAIN_NANOS);
    if (said.size() >= MOST_REMEMBERED) {
      return false;
    }
    return said.putIfAbsent(words, now) == null;
  }

  /// A pod's name may be as long as an event's.
  static String eventName(String pod, long number) {
    String suffix = "." + Long.toHexString(number);
    String kept = cut(pod, LONGEST_NAME - suffix.length());
    while (kept.endsWith(".") || kept.endsWith("-")) {
      kept = kept.substring(0, kept.length() - 1);
    }
    return kept + suffix;
  }

  private static String cut(String text, int longest) {
    return text.length() <= longest ? text : text.substring(0, longest);
  }

  private void send(String namespace, String name, String uid, String reason, String message) {
    String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    client
        .v1()
        .events()
        .inNamespace(namespace)
        .resource(
            new EventBuilder()
                .withNewMetadata()
                .withName(eventName(name, System.nanoTime()))
                .withNamespace(namespace)
                .endMetadata()
                .withNewInvolvedObject()
                .withApiVersion("v1")
                .withKind("Pod")
                .withNamespace(namespace)
                .withName(name)
                .withUid(uid)
                .endInvolvedObject()
                .withType("Warning")
                .withReason(reason)
                .withMessage(cut(message, LONGEST_MESSAGE))
                .withNewSource("fairway-podnet", node)
                .withReportingComponent("fairway-podnet")
                .withReportingInstance(node)
                .withFirstTimestamp(now)
                .withLastTimestamp(now)
                .withCount(1)
                .build())
        .create();
  }
}
