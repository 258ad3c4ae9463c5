// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.EventConversion;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Trees;
import dev.fairway.store.Entry;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// How objects lie in the store: JSON without a resourceVersion, with kind, apiVersion and metadata
/// first. As the head of every object of a kind is the same, the resourceVersion (the store's
/// revision) is spliced in at a known place without parsing.
public final class StoredForm {
  private StoredForm() {}

  public static byte[] encode(Kind kind, ObjectNode object) {
    ObjectNode ordered = Trees.object();
    ordered.put("kind", kind.kind());
    ordered.put("apiVersion", kind.apiVersion());
    ObjectNode metadata = Trees.child(ordered, "metadata");
    object
        .path("metadata")
        .properties()
        .forEach(field -> {
          if (!field.getKey().equals("resourceVersion") && !field.getKey().equals("selfLink")) {
            metadata.set(field.getKey(), field.getValue());
          }
        });
    for (var field : object.properties()) {
      if (!ordered.has(field.getKey())) {
        ordered.set(field.getKey(), field.getValue());
      }
    }
    return Trees.write(ordered);
  }

  /// The object as a client sees it, in the version of `kind`.
  public static byte[] bytes(Kind kind, Entry entry) {
    return bytes(kind, entry.value(), entry.modRevision());
  }

  /// Writes what [#bytes(Kind, Entry)] gives.
  ///
  /// @param head of the kind, as [#head] makes it
  static void writeTo(OutputStream out, Kind kind, byte[] head, Entry entry) throws IOException {
    byte[] value = entry.value();
    if (value.length < head.length || !Arrays.equals(value, 0, head.length, head, 0, head.length)) {
      out.write(Trees.write(convert(kind, value, entry.modRevision())));
      return;
    }
    out.write(value, 0, head.length);
    out.write(revision(entry.modRevision(), value[head.length] == '}'));
    out.write(value, head.length, value.length - head.length);
  }

  private static byte[] revision(long revision, boolean alone) {
    return ("\"resourceVersion\":\"" + revision + (alone ? "\"" : "\","))
        .getBytes(StandardCharsets.US_ASCII);
  }

  static byte[] bytes(Kind kind, byte[] value, long revision) {
    byte[] head = head(kind);
    if (value.length < head.length || !Arrays.equals(value, 0, head.length, head, 0, head.length)) {
      return Trees.write(convert(kind, value, revision));
    }
    byte[] spliced = revision(revision, value[head.length] == '}');
    byte[] out = new byte[value.length + spliced.length];
    System.arraycopy(value, 0, out, 0, head.length);
    System.arraycopy(spliced, 0, out, head.length, spliced.length);
    System.arraycopy(
        value, head.length, out, head.length + spliced.length, value.length - head.length);
    return out;
  }

  /// The object as a tree of the caller's own, resourceVersion included.
  public static ObjectNode tree(Kind kind, Entry entry) {
    return convert(kind, entry.value(), entry.modRevision());
  }

  private static ObjectNode convert(Kind kind, byte[] value, long revision) {
    JsonNode read = Trees.read(value);
    if (!(read instanceof ObjectNode object)) {
      throw new IllegalStateException("a stored " + kind.kind() + " is not an object");
    }
    boolean otherVersion = !Trees.text(object, "apiVersion").equals(kind.apiVersion());
    if (otherVersion) {
      if (kind.kind().equals("Event")) {
        object = EventConversion.convert(kind, object);
      } else {
        object.put("apiVersion", kind.apiVersion());
      }
    }
    Trees.child(object, "metadata").put("resourceVersion", Long.toString(revision));
    return object;
  }

  /// What every stored object of the kind begins with.
  static byte[] head(Kind kind) {
    return ("{\"kind\":\""
            + kind.kind()
            + "\",\"apiVersion\":\""
            + kind.apiVersion()
            + "\",\"metadata\":{")
        .getBytes(StandardCharsets.US_ASCII);
  }
}
