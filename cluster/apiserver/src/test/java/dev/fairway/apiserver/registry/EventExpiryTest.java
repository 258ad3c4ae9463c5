// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.admission.AdmissionChain;
import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.Store;
import dev.fairway.store.StoreConfig;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

final class EventExpiryTest {
  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");
  private static final Kind EVENTS = Registry.builtin("", "Event");

  @TempDir Path directory;

  @Test
  void whatNothingWasHeardOfForAnHourGoes() {
    Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
    try (Store store = EmbeddedStore.open(StoreConfig.of(directory.resolve("store.db")))) {
      Registry registry = new Registry(store, clock, _ -> AdmissionChain.none());
      put(store, "new", Duration.ofMinutes(59), Duration.ofMinutes(59));
      put(store, "again", Duration.ofHours(5), Duration.ofMinutes(1));
      put(store, "old", Duration.ofHours(5), Duration.ofMinutes(61));
      put(store, "pretender", Duration.ofHours(5), Duration.ofHours(-9));
      for (int i = 0; i < 600; i++) {
        put(store, "old-" + i, Duration.ofHours(3), Duration.ofHours(2));
      }
      new EventExpiry(registry, clock).sweep();
      assertThat(store.list(EVENTS.keyPrefix(""), null, 0, 0).entries())
          .extracting(entry -> Trees.text(StoredForm.tree(EVENTS, entry), "metadata", "name"))
          .containsExactly("again", "new");
    }
  }

  private static void put(Store store, String name, Duration created, Duration heard) {
    ObjectNode event = Trees.object();
    event.put("kind", "Event").put("apiVersion", "v1");
    event
        .putObject("metadata")
        .put("namespace", "default")
        .put("name", name)
        .put("creationTimestamp", Times.rfc3339(NOW.minus(created)));
    event.put("lastTimestamp", Times.rfc3339(NOW.minus(heard)));
    store.create(EVENTS.key("default", name), StoredForm.encode(EVENTS, event));
  }
}
