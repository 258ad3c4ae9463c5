// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.StatusException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A path below `/api/v1` or `/apis/GROUP/VERSION`, understood.
///
/// @param namespace empty for cluster-wide
/// @param name empty for a collection
/// @param subresource empty for the object itself
/// @param rest what follows the subresource, as sent and without a leading slash; only for proxies
record ResourcePath(Kind kind, String namespace, String name, String subresource, String rest) {
  private static final int MAX_SEGMENTS = 8;

  /// Splits a path at most so often; what is left stays whole and encoded.
  static List<String> segments(String path) {
    List<String> found = new ArrayList<>();
    int at = 1;
    while (at < path.length()) {
      int slash = path.indexOf('/', at);
      if (found.size() == MAX_SEGMENTS || slash < 0) {
        found.add(path.substring(at));
        break;
      }
      found.add(path.substring(at, slash));
      at = slash + 1;
    }
    return found;
  }

  static ResourcePath parse(Kinds kinds, String path) {
    List<String> parts = segments(path);
    boolean core = parts.size() > 1 && parts.getFirst().equals("api");
    int base = core ? 2 : 3;
    if (parts.size() <= base) {
      throw StatusException.notFoundPath();
    }
    String group = core ? "" : decode(parts.get(1));
    String version = decode(parts.get(base - 1));
    List<String> tail = parts.subList(base, parts.size());
    String namespace = "";
    if (tail.getFirst().equals("namespaces") && tail.size() > 2 && !ofNamespace(kinds, tail)) {
      namespace = decode(tail.get(1));
      tail = tail.subList(2, tail.size());
    }
    Kind kind = kinds.byResource(group, version, decode(tail.getFirst()));
    if (kind == null || (!namespace.isEmpty() && !kind.namespaced())) {
      throw StatusException.notFoundPath();
    }
    String name = tail.size() > 1 ? decode(tail.get(1)) : "";
    if (kind.namespaced() && namespace.isEmpty() && !name.isEmpty()) {
      throw StatusException.notFoundPath();
    }
    String subresource = tail.size() > 2 ? decode(tail.get(2)) : "";
    String rest = "";
    if (tail.size() > 3) {
      if (!subresource.equals("proxy")) {
        throw StatusException.notFoundPath();
      }
      rest = String.join("/", tail.subList(3, tail.size()));
    }
    return new ResourcePath(kind, namespace, name, subresource, rest);
  }

  /// `/namespaces/x/status` is about the namespace itself, not about things in it.
  private static boolean ofNamespace(Kinds kinds, List<String> tail) {
    Kind namespaces = kinds.byResource("", "v1", "namespaces");
    return tail.size() == 3 && namespaces != null && namespaces.subresource(tail.get(2)) != null;
  }

  private static String decode(String segment) {
    if (segment.indexOf('%') < 0) {
      return segment;
    }
    try {
      String decoded = URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
      if (decoded.indexOf('/') >= 0 || decoded.equals("..")) {
        throw StatusException.notFoundPath();
      }
      return decoded;
    } catch (IllegalArgumentException _) {
      throw StatusException.badRequest("the path is not valid percent-encoding");
    }
  }
}
