// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The parameters behind the `?`, decoded. At most 1024 are read.
public record Query(String raw, Map<String, List<String>> values) {

  static Query parse(String raw) {
    return new Query(
        raw, raw.isEmpty() ? Map.of() : new QueryStringDecoder(raw, false).parameters());
  }

  /// The first value of a parameter, absent if missing or empty.
  public Optional<String> get(String name) {
    List<String> found = values.get(name);
    return found == null || found.isEmpty() || found.getFirst().isEmpty()
        ? Optional.empty()
        : Optional.of(found.getFirst());
  }

  /// True for `1`, `true` and a bare name, as in `?watch=1`.
  public boolean flag(String name) {
    List<String> found = values.get(name);
    return found != null
        && !found.isEmpty()
        && !found.getFirst().equals("0")
        && !found.getFirst().equalsIgnoreCase("false");
  }
}
