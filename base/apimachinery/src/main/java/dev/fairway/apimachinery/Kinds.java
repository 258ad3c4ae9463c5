// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The kinds an API server serves. Immutable; the built-in ones are listed in `kinds.txt`.
public final class Kinds {
  private static final class Lazy {
    static final Kinds BUILTIN = new Kinds(parse());
  }

  private static final List<String> ALL =
      List.of("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch");
  private static final List<String> NO_COLLECTION =
      List.of("create", "delete", "get", "list", "patch", "update", "watch");

  private record Name(String group, String version, String name) {}

  private final List<Kind> all;
  private final Map<Name, Kind> byResource = new HashMap<>();
  private final Map<Name, Kind> byKind = new HashMap<>();
  private final Map<String, List<String>> versions = new LinkedHashMap<>();

  private Kinds(List<Kind> kinds) {
    all = List.copyOf(kinds);
    for (Kind kind : all) {
      byResource.put(new Name(kind.group(), kind.version(), kind.plural()), kind);
      byKind.put(new Name(kind.group(), kind.version(), kind.kind()), kind);
      List<String> known = versions.computeIfAbsent(kind.group(), g -> new ArrayList<>());
      if (!known.contains(kind.version())) {
        known.add(kind.version());
      }
    }
  }

  public static Kinds builtin() {
    return Lazy.BUILTIN;
  }

  public List<Kind> all() {
    return all;
  }

  public @Nullable Kind byResource(String group, String version, String plural) {
    return byResource.get(new Name(group, version, plural));
  }

  public @Nullable Kind byKind(String group, String version, String kind) {
    return byKind.get(new Name(group, version, kind));
  }

  /// Where the objects of a resource such as `secrets` or `deployments.apps` are stored, as
  /// [Kind#keyPrefix]; null if none of that name are.
  public @Nullable String storedAt(String resource) {
    int dot = resource.indexOf('.');
    String plural = dot < 0 ? resource : resource.substring(0, dot);
    String group = dot < 0 ? "" : resource.substring(dot + 1);
    for (Kind kind : all) {
      if (kind.storable() && kind.group().equals(group) && kind.plural().equals(plural)) {
        return kind.keyPrefix("");
      }
    }
    return null;
  }

  /// All groups in the order of discovery, core (the empty one) first.
  public List<String> groups() {
    return List.copyOf(versions.keySet());
  }

  /// The versions of a group, the preferred one first; empty if the group is unknown.
  public List<String> versions(String group) {
    return List.copyOf(versions.getOrDefault(group, List.of()));
  }

  public List<Kind> in(String group, String version) {
    List<Kind> found = new ArrayList<>();
    for (Kind kind : all) {
      if (kind.group().equals(group) && kind.version().equals(version)) {
        found.add(kind);
      }
    }
    return found;
  }

  /// These kinds and some more; one with the group, version and plural of an earlier one replaces
  /// it.
  public Kinds with(Collection<Kind> custom) {
    Map<Name, Kind> merged = new LinkedHashMap<>();
    for (Kind kind : all) {
      merged.put(new Name(kind.group(), kind.version(), kind.plural()), kind);
    }
    for (Kind kind : custom) {
      merged.put(new Name(kind.group(), kind.version(), kind.plural()), kind);
    }
    return new Kinds(new ArrayList<>(merged.values()));
  }

  private static List<Kind> parse() {
    List<Kind> kinds = new ArrayList<>();
    for (String line : table().split("\n")) {
      if (!line.isEmpty() && line.charAt(0) != '#') {
        kinds.add(kind(line.split(" ")));
      }
    }
    return kinds;
  }

  private static Kind kind(String[] columns) {
    int slash = columns[0].indexOf('/');
    String kind = columns[1];
    List<Subresource> subresources = new ArrayList<>();
    for (String name : words(columns[7])) {
      subresources.add(Subresource.of(kind, name));
    }
    return new Kind(
        slash < 0 ? "" : columns[0].substring(0, slash),
        columns[0].substring(slash + 1),
        kind,
        columns[2],
        kind.toLowerCase(Locale.ROOT),
        words(columns[3]),
        words(columns[6]),
        columns[4].equals("ns"),
        verbs(columns[5]),
        subresources,
        columns[8].equals("-") ? "" : "/registry/" + columns[8],
        kind + "List",
        columns[9] + "." + kind,
        null);
  }

  private static List<String> verbs(String word) {
    return switch (word) {
      case "all" -> ALL;
      case "no-collection" -> NO_COLLECTION;
      case "create" -> List.of("create");
      default -> throw new IllegalStateException("verbs not understood: " + word);
    };
  }

  private static List<String> words(String column) {
    return column.equals("-") ? List.of() : List.of(column.split(","));
  }

  private static String table() {
    try (InputStream in = Kinds.class.getResourceAsStream("kinds.txt")) {
      if (in == null) {
        throw new IllegalStateException("resource kinds.txt is missing from this build");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
