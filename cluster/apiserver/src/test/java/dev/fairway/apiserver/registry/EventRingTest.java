// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Kind;
import dev.fairway.store.Entry;
import dev.fairway.store.Event;
import org.junit.jupiter.api.Test;

final class EventRingTest {
  @Test
  void largeEventsAreNotAllKept() {
    EventRing ring = new EventRing();
    Kind pods = Registry.builtin("", "Pod");
    byte[] large = new byte[1 << 20];
    for (int revision = 1; revision < 3000; revision++) {
      Event event = new Event(Event.Type.PUT, new Entry("/p", large, 1, revision), null, revision);
      EventRing.Change change = ring.of(pods, event);
      assertThat(ring.of(pods, event)).isSameAs(change);
      assertThat(ring.bytes()).isBetween(1L, 32L << 20);
    }
  }
}
