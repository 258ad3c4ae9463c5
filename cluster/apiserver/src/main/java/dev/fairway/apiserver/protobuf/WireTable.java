// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.protobuf;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Which field number is which field: the messages of the Kubernetes API, from a resource that a
/// test keeps equal to the official client's descriptors. Read at first use.
final class WireTable {
  private static final class Lazy {
    static final WireTable TABLE = read();
  }

  /// How often a field's value comes.
  enum Shape {
    ONE,
    LIST,
    MAP
  }

  /// One field.
  ///
  /// @param type `string`, `bytes`, `int`, `bool`, `double`, `float`, or a message's definition; of
  ///   a map its values' type
  record Field(String name, Shape shape, String type) {
    boolean isMessage() {
      return type.indexOf('.') >= 0;
    }
  }

  private final Map<String, Map<Integer, Field>> messages;

  private WireTable(Map<String, Map<Integer, Field>> messages) {
    this.messages = messages;
  }

  static WireTable builtin() {
    return Lazy.TABLE;
  }

  @Nullable Map<Integer, Field> message(String definition) {
    return messages.get(definition);
  }

  private static WireTable read() {
    Map<String, Map<Integer, Field>> messages = new HashMap<>();
    try (InputStream in = WireTable.class.getResourceAsStream("wire.txt")) {
      if (in == null) {
        throw new IllegalStateException("wire.txt is missing from the jar");
      }
      BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
      Map<Integer, Field> current = new HashMap<>();
      String line;
      while ((line = lines.readLine()) != null) {
        if (line.charAt(0) != ' ') {
          current = new HashMap<>();
          messages.put(line, current);
          continue;
        }
        String[] parts = line.split(" ");
        Shape shape =
            switch (parts[3]) {
              case "list" -> Shape.LIST;
              case "map" -> Shape.MAP;
              default -> Shape.ONE;
            };
        current.put(Integer.valueOf(parts[1]), new Field(parts[2], shape, parts[4]));
      }
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
    return new WireTable(messages);
  }
}
