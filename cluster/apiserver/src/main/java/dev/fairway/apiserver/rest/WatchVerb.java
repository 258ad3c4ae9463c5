// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.table.Tables;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.registry.EventRing;
import dev.fairway.apiserver.registry.Listing;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.Selection;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.store.Compacted;
import dev.fairway.store.Entry;
import dev.fairway.store.FutureRevision;
import dev.fairway.store.StoreUnavailable;
import dev.fairway.store.Watch;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/// Opens watches. A watch costs no thread: the store's dispatcher filters and queues, event loops
/// write.
final class WatchVerb {
  private static final Duration SHORTEST = Duration.ofMinutes(30);
  private static final Duration BOOKMARK_EVERY = Duration.ofSeconds(45);

  private final Registry registry;
  private final EventRing ring;
  private final ScheduledExecutorService timer;

  WatchVerb(Registry registry, EventRing ring, ScheduledExecutorService timer) {
    this.registry = registry;
    this.ring = ring;
    this.timer = timer;
  }

  void watch(Call call, ResourcePath path) throws InterruptedException {
    Kind kind = path.kind();
    Selection selection = Selection.of(kind, path.namespace(), call.query());
    if (!path.name().isEmpty()) {
      selection = selection.named(path.name());
    }
    boolean initialEvents = call.query().flag("sendInitialEvents");
    boolean bookmarks = call.query().flag("allowWatchBookmarks");
    long after = ObjectVerbs.number(call, "resourceVersion");
    Exchange exchange = call.exchange();
    Form form = call.form();
    if (form.yaml()) {
      throw StatusException.notAcceptable("application/yaml");
    }
    Tables.IncludeObject include = call.includeObject();
    if (call.request().wantsUpgrade("websocket")) {
      exchange.acceptWebSocket();
    } else {
      exchange.begin(
          200, Map.of("content-type", form.mediaType(), "cache-control", "no-cache, private"));
    }
    Watcher watcher = new Watcher(exchange, selection, form, include, ring);
    boolean listFirst = initialEvents || after == 0;
    if (listFirst) {
      try {
        after = first(exchange, watcher, selection, initialEvents && bookmarks);
      } catch (StoreUnavailable away) {
        watcher.fail(StatusException.unavailable(String.valueOf(away.getMessage())));
        return;
      } catch (IOException _) {
        watcher.finish();
        return;
      }
    }
    follow(call, watcher, after, bookmarks);
  }

  private long first(Exchange exchange, Watcher watcher, Selection selection, boolean mark)
      throws IOException, InterruptedException {
    Listing listing = registry.list(selection, 0, "", 0);
    for (Entry entry : listing.entries()) {
      exchange.awaitRoom();
      watcher.send("ADDED", StoredForm.tree(selection.kind(), entry));
    }
    if (mark) {
      watcher.bookmark(listing.revision(), true);
    }
    return listing.revision();
  }

  private void follow(Call call, Watcher watcher, long after, boolean bookmarks) {
    Watch watch;
    try {
      watch = registry.store().watch(watcher.prefix(), after, watcher);
    } catch (Compacted tooOld) {
      watcher.fail(
          StatusException.expired(
              "too old resource version: " + after + " (" + tooOld.compactedRevision() + ")"));
      return;
    } catch (FutureRevision _) {
      watcher.fail(
          StatusException.timeout(
              "Too large resource version: "
                  + after
                  + ", current: "
                  + registry.store().revision()));
      return;
    } catch (StoreUnavailable away) {
      watcher.fail(StatusException.unavailable(String.valueOf(away.getMessage())));
      return;
    }
    watcher.attach(watch);
    long seconds = ObjectVerbs.number(call, "timeoutSeconds");
    if (seconds == 0) {
      seconds = SHORTEST.toSeconds() + ThreadLocalRandom.current().nextLong(SHORTEST.toSeconds());
    }
    ScheduledFuture<?> end = timer.schedule(watcher::finish, seconds, TimeUnit.SECONDS);
    ScheduledFuture<?> mark =
        bookmarks
            ? timer.scheduleAtFixedRate(
                () -> watcher.bookmark(watch.deliveredRevision(), false),
                BOOKMARK_EVERY.toSeconds(),
                BOOKMARK_EVERY.toSeconds(),
                TimeUnit.SECONDS)
            : null;
    call.exchange()
        .onClosed(() -> {
          watch.close();
          end.cancel(false);
          if (mark != null) {
            mark.cancel(false);
          }
        });
  }

  static byte[] error(StatusException failure) {
    return EventRing.line("ERROR", Trees.write(failure.status()));
  }
}
