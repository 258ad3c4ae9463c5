// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.table.Tables;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.registry.EventRing;
import dev.fairway.apiserver.registry.Selection;
import dev.fairway.store.Compacted;
import dev.fairway.store.Event;
import dev.fairway.store.Listener;
import dev.fairway.store.StoreException;
import dev.fairway.store.Watch;
import io.netty.buffer.Unpooled;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/// One open watch. What it has been sent and has not read yet is bounded: who falls too far behind
/// is cut off and has to list anew.
final class Watcher implements Listener {
  private static final Logger LOG = LoggerFactory.getLogger(Watcher.class);
  private static final long MAX_PENDING_BYTES = 16 << 20;

  private final Exchange exchange;
  private final Selection selection;
  private final Form form;
  private final Tables.IncludeObject include;
  private final EventRing ring;
  private final AtomicBoolean finished = new AtomicBoolean();
  private volatile @Nullable Watch watch;
  // Only the first Table of a stream carries the columns.
  private boolean columnsSent;

  Watcher(
      Exchange exchange,
      Selection selection,
      Form form,
      Tables.IncludeObject include,
      EventRing ring) {
    this.exchange = exchange;
    this.selection = selection;
    this.form = form;
    this.include = include;
    this.ring = ring;
  }

  String prefix() {
    return selection.prefix();
  }

  void attach(Watch running) {
    watch = running;
    if (finished.get()) {
      running.close();
    }
  }

  @Override
  public void events(List<Event> events) {
    for (Event event : events) {
      if (finished.get()) {
        return;
      }
      try {
        deliver(event);
      } catch (RuntimeException | Error broken) {
        LOG.error("a watch of {} ends: {}", prefix(), event.entry().key(), broken);
        fail(StatusException.internal("an event could not be shown: " + broken));
        return;
      }
    }
  }

  private void deliver(Event event) {
    EventRing.Change change = ring.of(selection.kind(), event);
    boolean plain = form.as() == Form.As.OBJECT;
    if (selection.isEverything()) {
      if (plain) {
        send(change);
      } else {
        send(change.type(), change.after());
      }
      return;
    }
    ObjectNode old = change.before();
    boolean was = old != null && selection.matches(old);
    boolean is = event.type() == Event.Type.PUT && selection.matches(change.after());
    if (is && was && plain) {
      send(change);
    } else if (is) {
      send(was ? "MODIFIED" : "ADDED", change.after());
    } else if (was && old != null) {
      send("DELETED", old);
    }
  }

  private void send(EventRing.Change change) {
    if (hasRoom()) {
      exchange.send(change.line());
    }
  }

  /// Sends an event in the form the client asked for.
  synchronized void send(String type, ObjectNode object) {
    ObjectNode shown =
        switch (form.as()) {
          case OBJECT -> object;
          case PARTIAL -> Tables.partialMetadata(object);
          case TABLE -> {
            boolean columns = !columnsSent;
            columnsSent = true;
            yield Tables.render(
                selection.kind(),
                List.of(object),
                metadata(object),
                include,
                Instant.now(),
                columns);
          }
        };
    if (hasRoom()) {
      exchange.send(Unpooled.wrappedBuffer(EventRing.line(type, Trees.write(shown))));
    }
  }

  private static ObjectNode metadata(ObjectNode object) {
    ObjectNode metadata = Trees.object();
    return metadata.put("resourceVersion", Trees.text(object, "metadata", "resourceVersion"));
  }

  /// Tells how far the client is.
  ///
  /// @param initialEnd marks the end of the objects that were there when the watch began
  void bookmark(long revision, boolean initialEnd) {
    Kind kind = selection.kind();
    ObjectNode object = Trees.object();
    object.put("kind", kind.kind()).put("apiVersion", kind.apiVersion());
    ObjectNode metadata = object.putObject("metadata");
    metadata.put("resourceVersion", Long.toString(revision));
    if (initialEnd) {
      metadata.putObject("annotations").put("k8s.io/initial-events-end", "true");
    }
    if (finished.get()) {
      return;
    }
    if (form.as() == Form.As.TABLE) {
      ObjectNode table =
          Tables.render(kind, List.of(), metadata(object), include, Instant.now(), false);
      exchange.send(Unpooled.wrappedBuffer(EventRing.line("BOOKMARK", Trees.write(table))));
    } else {
      send("BOOKMARK", object);
    }
  }

  private boolean hasRoom() {
    if (exchange.pendingBytes() <= MAX_PENDING_BYTES) {
      return true;
    }
    finished.set(true);
    close();
    exchange.abort();
    return false;
  }

  @Override
  public void ended(@Nullable StoreException cause) {
    if (cause instanceof Compacted) {
      fail(StatusException.expired("the watch fell behind: " + cause.getMessage()));
    } else {
      finish();
    }
  }

  /// Ends the watch with an ERROR event.
  void fail(StatusException failure) {
    if (!finished.get()) {
      exchange.send(Unpooled.wrappedBuffer(WatchVerb.error(failure)));
      finish();
    }
  }

  /// Ends the watch in good order.
  void finish() {
    if (finished.compareAndSet(false, true)) {
      close();
      exchange.end();
    }
  }

  private void close() {
    Watch running = watch;
    if (running != null) {
      running.close();
    }
  }
}
