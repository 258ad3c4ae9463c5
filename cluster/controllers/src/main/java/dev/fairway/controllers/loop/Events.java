// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.loop;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectReference;
import io.fabric8.kubernetes.api.model.ObjectReferenceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells users what a controller did, as core `Event` objects.
///
/// Events are written by a thread of their own, in order, so recording one never waits. The same
/// event about the same object counts up instead of becoming a second object. Events are a
/// courtesy: when more than [#WAITING] wait, new ones are dropped.
public final class Events implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Events.class);
  private static final int WAITING = 1000;
  private static final int REMEMBERED = 2048;

  /// The two types of Event.
  public enum Type {
    NORMAL("Normal"),
    WARNING("Warning");

    private final String text;

    Type(String text) {
      this.text = text;
    }
  }

  private record Told(
      String component, ObjectReference about, Type type, String reason, String message) {}

  private record Written(String namespace, String name, int count) {}

  private final KubernetesClient client;
  private final Clock clock;
  private final BlockingQueue<Told> queue = new ArrayBlockingQueue<>(WAITING);
  private final Map<Told, Written> written = new LinkedHashMap<>(16, 0.75f, true);
  private final Thread writer;
  private long lastSuffix;

  public Events(KubernetesClient client, Clock clock) {
    this.client = client;
    this.clock = clock;
    this.writer = Thread.ofVirtual().name("events").start(this::write);
  }

  public void normal(String component, HasMetadata about, String reason, String message) {
    tell(component, about, Type.NORMAL, reason, message);
  }

  public void warning(String component, HasMetadata about, String reason, String message) {
    tell(component, about, Type.WARNING, reason, message);
  }

  private void tell(String component, HasMetadata about, Type type, String reason, String message) {
    String text = message.length() > 1024 ? message.substring(0, 1024) : message;
    if (!queue.offer(new Told(component, referenceTo(about), type, reason, text))) {
      LOG.debug("event {} about {} dropped: too many wait", reason, about.getMetadata().getName());
    }
  }

  private static ObjectReference referenceTo(HasMetadata about) {
    return new ObjectReferenceBuilder()
        .withKind(about.getKind())
        .withApiVersion(about.getApiVersion())
        .withName(about.getMetadata().getName())
        .withNamespace(about.getMetadata().getNamespace())
        .withUid(about.getMetadata().getUid())
        .build();
  }

  private void write() {
    try {
      while (true) {
        write(queue.take());
      }
    } catch (InterruptedException e) {
      LOG.debug("events end");
    }
  }

  private void write(Told told) {
    try {
      Written before = written.get(told);
      Written after = before == null ? create(told) : countUp(told, before);
      written.put(told, after);
      if (written.size() > REMEMBERED) {
        written.remove(written.keySet().iterator().next());
      }
    } catch (KubernetesClientException e) {
      LOG.debug("event {} about {}: {}", told.reason, told.about.getName(), e.getMessage());
    }
  }

  private Written create(Told told) {
    String namespace = Objects.requireNonNullElse(told.about.getNamespace(), "default");
    // The suffix only has to be unique; it is the time in upstream too.
    lastSuffix = Math.max(lastSuffix + 1, clock.millis() * 1_000_000);
    String name = told.about.getName() + "." + Long.toHexString(lastSuffix);
    String now = Cluster.timestamp(clock.instant());
    Event event =
        new EventBuilder()
            .withNewMetadata()
            .withNamespace(namespace)
            .withName(name)
            .endMetadata()
            .withInvolvedObject(told.about)
            .withType(told.type.text)
            .withReason(told.reason)
            .withMessage(told.message)
            .withCount(1)
            .withFirstTimestamp(now)
            .withLastTimestamp(now)
            .withNewSource()
            .withComponent(told.component)
            .endSource()
            .withReportingComponent(told.component)
            .withReportingInstance("")
            .build();
    client.resource(event).create();
    return new Written(namespace, name, 1);
  }

  private Written countUp(Told told, Written before) {
    int count = before.count + 1;
    String patch =
        "{\"count\":"
            + count
            + ",\"lastTimestamp\":\""
            + Cluster.timestamp(clock.instant())
            + "\"}";
    try {
      client
          .v1()
          .events()
          .inNamespace(before.namespace)
          .withName(before.name)
          .patch(PatchContext.of(PatchType.JSON_MERGE), patch);
      return new Written(before.namespace, before.name, count);
    } catch (KubernetesClientException e) {
      if (Cluster.isNotFound(e)) {
        return create(told);
      }
      throw e;
    }
  }

  @Override
  public void close() {
    writer.interrupt();
  }
}
