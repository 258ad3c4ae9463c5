// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.openapi;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.Trees;
import dev.fairway.schemas.Schemas;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// OpenAPI documents of one set of kinds. Each is made when first asked for and kept.
public final class OpenApi {
  private final Kinds kinds;
  private final ConcurrentMap<String, byte[]> made = new ConcurrentHashMap<>();

  public OpenApi(Kinds kinds) {
    this.kinds = kinds;
  }

  /// Answers `GET /openapi/v3`: the paths of the documents, with a hash that lets clients keep
  /// them.
  public byte[] v3Index() {
    return document(
        "v3",
        () -> {
          ObjectNode paths = Trees.object();
          for (Map.Entry<String, List<Kind>> entry : documents().entrySet()) {
            String path = entry.getKey();
            paths
                .putObject(path)
                .put("serverRelativeURL", "/openapi/v3/" + path + "?hash=" + v3Hash(path));
          }
          ObjectNode root = Trees.object();
          root.set("paths", paths);
          return Trees.write(root);
        });
  }

  /// Answers `GET /openapi/v3/PATH`, where PATH is `api/v1` or `apis/GROUP/VERSION`; null if there
  /// is no such document.
  public byte @Nullable [] v3(String path) {
    List<Kind> found = documents().get(path);
    if (found == null) {
      return null;
    }
    return document("v3/" + path, () -> Trees.write(new Document(true).of(path, found)));
  }

  /// Changes when the document may have changed; made without making the document.
  public String v3Hash(String path) {
    CRC32 sum = new CRC32();
    sum.update(Schemas.builtin().fingerprint().getBytes(java.nio.charset.StandardCharsets.UTF_8));
    for (Kind kind : documents().getOrDefault(path, List.of())) {
      sum.update(kind.kind().getBytes(java.nio.charset.StandardCharsets.UTF_8));
      if (kind.custom() != null) {
        sum.update(Trees.write(kind.custom().version()));
      }
    }
    return Long.toHexString(sum.getValue() | (1L << 32));
  }

  /// Answers `GET /openapi/v2` as JSON.
  public byte[] v2() {
    return document("v2", () -> Trees.write(new Document(false).of("", kinds.all())));
  }

  /// Answers `GET /openapi/v2` in gnostic's protobuf form, which older kubectl ask for.
  public byte[] v2Protobuf() {
    return document(
        "v2protobuf", () -> new Gnostic().encode(new Document(false).of("", kinds.all())));
  }

  private byte[] document(String name, Supplier<byte[]> maker) {
    byte[] known = made.get(name);
    if (known == null) {
      known = maker.get();
      made.put(name, known);
    }
    return known;
  }

  private Map<String, List<Kind>> documents() {
    Map<String, List<Kind>> documents = new TreeMap<>();
    for (String group : kinds.groups()) {
      for (String version : kinds.versions(group)) {
        String path = group.isEmpty() ? "api/" + version : "apis/" + group + "/" + version;
        documents.put(path, kinds.in(group, version));
      }
    }
    return documents;
  }
}
