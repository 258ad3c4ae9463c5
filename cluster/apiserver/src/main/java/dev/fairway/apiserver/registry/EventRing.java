// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.store.Entry;
import dev.fairway.store.Event;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The last events, each decoded and encoded once however many watch it.
public final class EventRing {
  private static final int SIZE = 1024;
  private static final long MOST_BYTES = 32 << 20;

  private final @Nullable Change[] slots = new @Nullable Change[SIZE];
  private long bytes;

  /// The shared form of an event for watchers of this kind.
  public synchronized Change of(Kind kind, Event event) {
    int slot = (int) (event.revision() % SIZE);
    Change known = slots[slot];
    if (known != null
        && known.event.revision() == event.revision()
        && known.event.entry().key().equals(event.entry().key())
        && known.kind.version().equals(kind.version())
        && known.kind.group().equals(kind.group())) {
      return known;
    }
    Change made = new Change(kind, event);
    bytes += made.bytes() - (known == null ? 0 : known.bytes());
    slots[slot] = made;
    forget(slot);
    return made;
  }

  /// Makes room, oldest first, but keeps the one just made.
  private void forget(int newest) {
    for (int i = 1; i < SIZE && bytes > MOST_BYTES; i++) {
      int slot = (newest + i) % SIZE;
      Change old = slots[slot];
      if (old != null) {
        bytes -= old.bytes();
        slots[slot] = null;
      }
    }
  }

  synchronized long bytes() {
    return bytes;
  }

  /// One change of one object. Trees and bytes are shared: nobody may alter them.
  public static final class Change {
    private final Kind kind;
    private final Event event;
    private @Nullable ObjectNode after;
    private @Nullable ObjectNode before;
    private byte @Nullable [] line;

    private Change(Kind kind, Event event) {
      this.kind = kind;
      this.event = event;
    }

    /// What it holds, beside the trees, which live as long.
    long bytes() {
      Entry old = event.before();
      return 2L * event.entry().value().length + (old == null ? 0 : old.value().length);
    }

    public Event event() {
      return event;
    }

    /// The object after the change; for a removal its last state.
    public synchronized ObjectNode after() {
      if (after == null) {
        after = StoredForm.tree(kind, event.entry());
      }
      return after;
    }

    /// The object before the change but with the change's resourceVersion, as a watcher sees it
    /// whose selection the object leaves. Null if it is new.
    public synchronized @Nullable ObjectNode before() {
      Entry old = event.before();
      if (before == null && old != null) {
        before =
            StoredForm.tree(
                kind, new Entry(old.key(), old.value(), old.createRevision(), event.revision()));
      }
      return before;
    }

    /// The event as sent to one who watches everything.
    public synchronized ByteBuf line() {
      if (line == null) {
        line = EventRing.line(type(), StoredForm.bytes(kind, event.entry()));
      }
      return Unpooled.wrappedBuffer(line);
    }

    public String type() {
      return event.type() == Event.Type.DELETE
          ? "DELETED"
          : event.isCreate() ? "ADDED" : "MODIFIED";
    }
  }

  /// A watch event as one line of JSON.
  public static byte[] line(String type, byte[] object) {
    byte[] head = ("{\"type\":\"" + type + "\",\"object\":").getBytes(StandardCharsets.US_ASCII);
    byte[] line = new byte[head.length + object.length + 2];
    System.arraycopy(head, 0, line, 0, head.length);
    System.arraycopy(object, 0, line, head.length, object.length);
    line[line.length - 2] = '}';
    line[line.length - 1] = '\n';
    return line;
  }
}
