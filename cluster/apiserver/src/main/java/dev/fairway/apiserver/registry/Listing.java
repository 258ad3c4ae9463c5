// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.store.Compacted;
import dev.fairway.store.Entry;
import dev.fairway.store.FutureRevision;
import dev.fairway.store.Page;
import dev.fairway.store.Store;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A part of a list at one revision.
///
/// @param next the continue token of what follows, empty at the end
/// @param remaining how many follow; -1 if not known, as with selectors
public record Listing(Kind kind, List<Entry> entries, long revision, String next, long remaining) {
  private static final String EXPIRED =
      "The provided continue parameter is too old to display a consistent list result. You can"
          + " start a new list without the continue parameter.";

  public Listing {
    entries = List.copyOf(entries);
  }

  /// @param limit 0 for all
  /// @param token the continue token of the page before, or empty
  /// @param atRevision 0 for now
  static Listing read(Store store, Selection selection, int limit, String token, long atRevision) {
    String prefix = selection.prefix();
    long revision = atRevision;
    String after = null;
    if (!token.isEmpty()) {
      Position position = Position.parse(token);
      revision = position.revision();
      after = selection.kind().keyPrefix(selection.namespace()) + position.key();
    }
    try {
      return read(store, selection, prefix, limit, after, revision);
    } catch (Compacted tooOld) {
      throw StatusException.expired(
          token.isEmpty() ? "The resourceVersion for the provided list is too old." : EXPIRED);
    } catch (FutureRevision _) {
      throw StatusException.timeout(
          "Too large resource version: " + revision + ", current: " + store.revision());
    }
  }

  private static Listing read(
      Store store,
      Selection selection,
      String prefix,
      int limit,
      @Nullable String startAfter,
      long atRevision) {
    boolean all = selection.isEverything();
    boolean exact = !prefix.endsWith("/");
    List<Entry> found = new ArrayList<>();
    String after = startAfter;
    long revision = atRevision;
    while (true) {
      Page page = store.list(prefix, after, limit == 0 ? 0 : limit - found.size(), revision);
      revision = page.revision();
      for (Entry entry : page.entries()) {
        after = entry.key();
        if (exact && !entry.key().equals(prefix)) {
          continue;
        }
        if (all || selection.matches(StoredForm.tree(selection.kind(), entry))) {
          found.add(entry);
        }
      }
      if (!page.more()) {
        return new Listing(selection.kind(), found, revision, "", 0);
      }
      if (limit > 0 && found.size() >= limit && after != null) {
        String root = selection.kind().keyPrefix(selection.namespace());
        String next = new Position(revision, after.substring(root.length())).token();
        return new Listing(selection.kind(), found, revision, next, -1);
      }
    }
  }

  /// The list as bytes: the stored objects side by side.
  public byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
    try {
      writeTo(out);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return out.toByteArray();
  }

  /// Writes [#bytes] piece by piece, so that they are never in memory together.
  public void writeTo(OutputStream out) throws IOException {
    ObjectNode head = Trees.object();
    head.put("kind", kind.listKind());
    head.put("apiVersion", kind.apiVersion());
    head.set("metadata", metadata());
    byte[] start = Trees.write(head);
    out.write(start, 0, start.length - 1);
    out.write(",\"items\":[".getBytes(StandardCharsets.US_ASCII));
    byte[] objectHead = StoredForm.head(kind);
    boolean first = true;
    for (Entry entry : entries) {
      if (!first) {
        out.write(',');
      }
      first = false;
      StoredForm.writeTo(out, kind, objectHead, entry);
    }
    out.write("]}".getBytes(StandardCharsets.US_ASCII));
  }

  /// Whether the list has at least that many bytes.
  public boolean isLongerThan(long bytes) {
    long sum = 0;
    for (Entry entry : entries) {
      sum += entry.value().length;
      if (sum > bytes) {
        return true;
      }
    }
    return false;
  }

  /// The list's own metadata.
  public ObjectNode metadata() {
    ObjectNode metadata = Trees.object();
    metadata.put("resourceVersion", Long.toString(revision));
    if (!next.isEmpty()) {
      metadata.put("continue", next);
    }
    if (remaining > 0) {
      metadata.put("remainingItemCount", remaining);
    }
    return metadata;
  }

  public List<ObjectNode> trees() {
    List<ObjectNode> trees = new ArrayList<>(entries.size());
    for (Entry entry : entries) {
      trees.add(StoredForm.tree(kind, entry));
    }
    return trees;
  }

  /// What a continue token says: the revision that is being read, and the last key that was.
  record Position(long revision, String key) {
    static Position parse(String token) {
      try {
        String text = new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8);
        int colon = text.indexOf(':');
        long revision = Long.parseLong(text.substring(0, Math.max(colon, 0)));
        if (revision <= 0) {
          throw new IllegalArgumentException("no revision");
        }
        return new Position(revision, text.substring(colon + 1));
      } catch (IllegalArgumentException broken) {
        throw StatusException.badRequest("continue key is not valid: " + broken.getMessage());
      }
    }

    String token() {
      return Base64.getUrlEncoder()
          .withoutPadding()
          .encodeToString((revision + ":" + key).getBytes(StandardCharsets.UTF_8));
    }
  }
}
