// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.StatusException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The shape and encoding an answer is to have, from the Accept header.
///
/// @param yaml YAML instead of JSON
/// @param as what to show instead of the object itself
/// @param parameters all of the chosen media type, such as `v`
record Form(boolean yaml, As as, Map<String, String> parameters) {
  /// The special shapes of `meta.k8s.io`.
  enum As {
    OBJECT,
    TABLE,
    PARTIAL
  }

  static final Form JSON = new Form(false, As.OBJECT, Map.of());
  private static final int MAX_ACCEPT_CHARS = 4096;

  /// The first form the client lists that we can give.
  static Form of(List<String> accept) {
    if (accept.isEmpty()) {
      return JSON;
    }
    String line = String.join(",", accept);
    if (line.isBlank()) {
      return JSON;
    }
    if (line.length() > MAX_ACCEPT_CHARS) {
      throw StatusException.badRequest("the Accept header is too long");
    }
    for (String choice : line.split(",")) {
      Form form = parse(choice);
      if (form != null) {
        return form;
      }
    }
    throw StatusException.notAcceptable(line);
  }

  private static @Nullable Form parse(String choice) {
    String[] parts = choice.split(";", -1);
    String type = parts[0].strip().toLowerCase(Locale.ROOT);
    boolean yaml = type.equals("application/yaml");
    boolean json =
        type.equals("application/json") || type.equals("*/*") || type.equals("application/*");
    if (!yaml && !json) {
      return null;
    }
    Map<String, String> parameters = new HashMap<>();
    for (int i = 1; i < parts.length; i++) {
      int equals = parts[i].indexOf('=');
      if (equals > 0) {
        parameters.put(
            parts[i].substring(0, equals).strip().toLowerCase(Locale.ROOT),
            parts[i].substring(equals + 1).strip());
      }
    }
    As as =
        switch (parameters.getOrDefault("as", "")) {
          case "Table" -> As.TABLE;
          case "PartialObjectMetadata", "PartialObjectMetadataList" -> As.PARTIAL;
          default -> As.OBJECT;
        };
    if (as == As.TABLE && !parameters.getOrDefault("v", "v1").equals("v1")) {
      return null;
    }
    return new Form(yaml, as, Map.copyOf(parameters));
  }

  String mediaType() {
    return yaml ? "application/yaml" : "application/json";
  }
}
