// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes events, in order, beside the work that they tell about. Repeated ones are counted in one
/// object. When the API server does not keep up, new events are dropped: they only inform.
final class EventRecorder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EventRecorder.class);
  private static final int MAX_WAITING = 1000;
  private static final int MAX_REMEMBERED = 2000;
  private static final int MAX_MESSAGE = 1024;

  private final KubernetesClient client;
  private final String nodeName;
  private final BlockingQueue<Happening> queue = new ArrayBlockingQueue<>(MAX_WAITING);
  private final Map<Happening, Counted> written =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Happening, Counted> eldest) {
          return size() > MAX_REMEMBERED;
        }
      };
  private final Thread writer;
  private long sequence;

  EventRecorder(KubernetesClient client, String nodeName) {
    this.client = client;
    this.nodeName = nodeName;
    this.writer = Thread.ofVirtual().name("events").start(this::write);
  }

  /// @param field of the pod that it is about, or empty
  record Happening(PodRef pod, String field, String type, String reason, String message) {
    Happening {
      message = message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) : message;
    }
  }

  private record Counted(String name, int count) {}

  void record(Happening happening) {
    if (!queue.offer(happening)) {
      LOG.debug("too many events; dropped {}", happening);
    }
  }

  @Override
  public void close() {
    writer.interrupt();
  }

  private void write() {
    try {
      while (true) {
        Happening happening = queue.take();
        try {
          write(happening);
        } catch (KubernetesClientException e) {
          LOG.debug("event {} not written: {}", happening, e.getMessage());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void write(Happening happening) {
    Counted before = written.get(happening);
    String now = PodStatuses.time(Instant.now());
    if (before != null) {
      int count = before.count() + 1;
      String patch = "{\"count\":" + count + ",\"lastTimestamp\":\"" + now + "\"}";
      client
          .v1()
          .events()
          .inNamespace(happening.pod().namespace())
          .withName(before.name())
          .patch(PatchContext.of(PatchType.JSON_MERGE), patch);
      written.put(happening, new Counted(before.name(), count));
      return;
    }
    String name = happening.pod().name() + "." + Long.toHexString(nextSequence());
    client
        .v1()
        .events()
        .inNamespace(happening.pod().namespace())
        .resource(event(happening, name, now))
        .create();
    written.put(happening, new Counted(name, 1));
  }

  /// Unique among the pod's events, and growing: lists are in the order of names, so events of one
  /// second show in the order they happened.
  private long nextSequence() {
    long now = TimeUnit.MILLISECONDS.toMicros(System.currentTimeMillis());
    sequence = Math.max(sequence + 1, now);
    return sequence;
  }

  private Event event(Happening happening, String name, String now) {
    PodRef pod = happening.pod();
    return new EventBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace(pod.namespace())
        .endMetadata()
        .withNewInvolvedObject()
        .withApiVersion("v1")
        .withKind("Pod")
        .withName(pod.name())
        .withNamespace(pod.namespace())
        .withUid(pod.uid())
        .withFieldPath(happening.field().isEmpty() ? null : happening.field())
        .endInvolvedObject()
        .withType(happening.type())
        .withReason(happening.reason())
        .withMessage(happening.message())
        .withNewSource("kubelet", nodeName)
        .withReportingComponent("kubelet")
        .withReportingInstance(nodeName)
        .withFirstTimestamp(now)
        .withLastTimestamp(now)
        .withCount(1)
        .build();
  }
}
