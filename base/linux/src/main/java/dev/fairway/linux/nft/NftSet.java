// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A set of values, or a map from values to data or to verdicts. Looked up by hash, whatever its
/// size.
///
/// @param table which table it is in
/// @param name unique in its table
/// @param key the parts of the key
/// @param content what an element holds beside its key
/// @param data the parts of the data, for a map to data
public record NftSet(
    NftTable table, String name, List<NftType> key, Content content, List<NftType> data) {
  /// What an element holds beside its key.
  public enum Content {
    NOTHING,
    VALUE,
    VERDICT
  }

  public NftSet {
    NftName.check(name);
    key = List.copyOf(key);
    data = List.copyOf(data);
    // Lengths come in one type number of six bits a part.
    if (key.isEmpty() || key.size() > 5 || data.size() > 5) {
      throw new IllegalArgumentException("a key has 1 to 5 parts, data at most 5");
    }
    if (data.isEmpty() != (content != Content.VALUE)) {
      throw new IllegalArgumentException("only a map to data has data types");
    }
  }

  public static NftSet set(NftTable table, String name, NftType... key) {
    return new NftSet(table, name, List.of(key), Content.NOTHING, List.of());
  }

  public static NftSet map(NftTable table, String name, List<NftType> key, List<NftType> data) {
    return new NftSet(table, name, key, Content.VALUE, data);
  }

  public static NftSet verdicts(NftTable table, String name, NftType... key) {
    return new NftSet(table, name, List.of(key), Content.VERDICT, List.of());
  }

  @Override
  public String toString() {
    return (content == Content.NOTHING ? "set " : "map ") + name + " of " + table;
  }

  /// One element.
  ///
  /// @param key as long as the set's key
  /// @param content null for a set, and in a deletion
  public record Element(NftValue key, @Nullable ElementContent content) {
    public static Element of(NftValue key) {
      return new Element(key, null);
    }

    public static Element of(NftValue key, NftValue data) {
      return new Element(key, new Value(data));
    }

    public static Element of(NftValue key, NftVerdict verdict) {
      return new Element(key, new Decision(verdict));
    }
  }

  /// What an element of a map holds.
  public sealed interface ElementContent {}

  /// A value, as long as the map's data.
  public record Value(NftValue value) implements ElementContent {}

  /// What to do with the packet.
  public record Decision(NftVerdict verdict) implements ElementContent {}
}
