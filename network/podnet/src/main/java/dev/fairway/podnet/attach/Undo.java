// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What to take back if the work is not finished: filled on the way, emptied by [#commit], run in
/// the opposite order by closing.
public final class Undo implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Undo.class);

  private final Deque<Entry> entries = new ArrayDeque<>();

  /// Something that takes a step back.
  @FunctionalInterface
  public interface Action {
    void run() throws Exception;
  }

  private record Entry(String what, Action action) {}

  public void add(String what, Action action) {
    entries.push(new Entry(what, action));
  }

  /// The work is done and stays.
  public void commit() {
    entries.clear();
  }

  @Override
  public void close() {
    while (!entries.isEmpty()) {
      Entry entry = entries.pop();
      try {
        entry.action.run();
      } catch (Exception e) {
        LOG.warn("Could not undo \"{}\": {}", entry.what, e.toString());
      }
    }
  }
}
