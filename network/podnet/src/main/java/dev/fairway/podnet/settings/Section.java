// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A map of a settings document that knows its path and which of its fields were asked for, so that
/// [#done] can refuse the rest. Not for several threads.
final class Section {
  private final String path;
  private final Map<String, @Nullable Object> fields = new LinkedHashMap<>();
  private final TreeSet<String> known = new TreeSet<>();

  private Section(String path, Map<?, ?> map) {
    this.path = path;
    map.forEach((name, value) -> fields.put(String.valueOf(name), value));
  }

  static Section of(Map<?, ?> document) {
    return new Section("", document);
  }

  boolean has(String name) {
    return fields.containsKey(name);
  }

  private @Nullable Object take(String name) {
    known.add(name);
    return fields.get(name);
  }

  private String at(String name) {
    return path + name;
  }

  InvalidSettings wrong(String name, String whatToDo) {
    return new InvalidSettings(at(name), whatToDo);
  }

  Optional<String> text(String name) {
    return switch (take(name)) {
      case null -> Optional.empty();
      case String text -> Optional.of(text);
      case Integer number -> Optional.of(number.toString());
      default -> throw wrong(name, "must be a text");
    };
  }

  boolean flag(String name, boolean otherwise) {
    return switch (take(name)) {
      case null -> otherwise;
      case Boolean flag -> flag;
      default -> throw wrong(name, "must be true or false");
    };
  }

  long number(String name, long otherwise) {
    return switch (take(name)) {
      case null -> otherwise;
      case Integer number -> number;
      case Long number -> number;
      default -> throw wrong(name, "must be a whole number");
    };
  }

  int integer(String name, int otherwise) {
    long number = number(name, otherwise);
    if (number != (int) number) {
      throw wrong(name, "must be a smaller number than " + number);
    }
    return (int) number;
  }

  int integer(String name, int otherwise, int least, int most) {
    int number = integer(name, otherwise);
    if (number < least || number > most) {
      throw wrong(name, "must be from " + least + " to " + most);
    }
    return number;
  }

  /// One of two words, as true for the first.
  boolean word(String name, String yes, String no, boolean otherwise) {
    return switch (text(name).orElse(otherwise ? yes : no)) {
      case String word when word.equals(yes) -> true;
      case String word when word.equals(no) -> false;
      default -> throw wrong(name, "must be " + yes + " or " + no);
    };
  }

  Optional<Section> section(String name) {
    return switch (take(name)) {
      case null -> Optional.empty();
      case Map<?, ?> map -> Optional.of(new Section(at(name) + ".", map));
      default -> throw wrong(name, "must be a map");
    };
  }

  /// Whether the field is there and true or false instead of a map.
  boolean isFlag(String name) {
    return fields.get(name) instanceof Boolean;
  }

  <T> List<T> sections(String name, int most, Function<Section, T> read) {
    List<T> all = new ArrayList<>();
    List<?> items = items(name, most);
    for (int i = 0; i < items.size(); i++) {
      if (!(items.get(i) instanceof Map<?, ?> map)) {
        throw wrong(name + "[" + i + "]", "must be a map");
      }
      Section section = new Section(at(name) + "[" + i + "].", map);
      all.add(read.apply(section));
      section.done();
    }
    return all;
  }

  List<String> texts(String name, int most) {
    List<String> all = new ArrayList<>();
    List<?> items = items(name, most);
    for (int i = 0; i < items.size(); i++) {
      if (!(items.get(i) instanceof String text)) {
        throw wrong(name + "[" + i + "]", "must be a text");
      }
      all.add(text);
    }
    return all;
  }

  private List<?> items(String name, int most) {
    return switch (take(name)) {
      case null -> List.of();
      case List<?> items when items.size() <= most -> items;
      case List<?> items -> throw wrong(name, "must have at most " + most + " entries");
      default -> throw wrong(name, "must be a list");
    };
  }

  List<Prefix> prefixes(String name, int most) {
    List<Prefix> all = new ArrayList<>();
    List<String> texts = texts(name, most);
    for (int i = 0; i < texts.size(); i++) {
      all.add(prefix(name + "[" + i + "]", texts.get(i)));
    }
    return all;
  }

  Optional<Prefix> prefix(String name) {
    return text(name).map(text -> prefix(name, text));
  }

  Prefix prefix(String name, String text) {
    try {
      Prefix prefix = Prefix.parse(text);
      if (!Prefix.isCanonical(text)) {
        throw wrong(name, "has bits beyond its length; did you mean " + prefix + "?");
      }
      return prefix;
    } catch (InvalidSettings e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new InvalidSettings(at(name) + ": " + e.getMessage(), e);
    }
  }

  Optional<IpAddress> address(String name) {
    return text(name)
        .map(text -> {
          try {
            return IpAddress.parse(text);
          } catch (IllegalArgumentException e) {
            throw new InvalidSettings(at(name) + ": " + e.getMessage(), e);
          }
        });
  }

  BackendKind backend(String name, String word) {
    for (BackendKind kind : BackendKind.values()) {
      if (kind.toString().equals(word)) {
        return kind;
      }
    }
    throw wrong(name, "must be vxlan, routes, bgp or wireguard, not \"" + word + "\"");
  }

  /// Marks fields as understood that mean nothing here.
  void skip(String... names) {
    known.addAll(List.of(names));
  }

  /// Refuses what nobody asked for.
  void done() {
    for (String name : fields.keySet()) {
      if (!known.contains(name)) {
        throw wrong(
            name, "is not a field that is known here; known are " + String.join(", ", known));
      }
    }
  }
}
