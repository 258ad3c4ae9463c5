// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A set of values, or a map from values to data or to verdicts. Looked up by hash, whatever its
/// size; a set of ranges by a tree.
///
/// @param table which table it is in
/// @param name unique in its table
/// @param key the parts of the key
/// @param content what an element holds beside its key
/// @param data the parts of the data, for a map to data
/// @param ranges whether it holds ranges: see [Element#end]
/// @param remembered how many elements packets may add ([NftExpression.Remember]); 0 if only
///   transactions add some
public record NftSet(
    NftTable table,
    String name,
    List<NftType> key,
    Content content,
    List<NftType> data,
    boolean ranges,
    int remembered) {
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
    if (ranges && (key.size() != 1 || content != Content.NOTHING)) {
      throw new IllegalArgumentException("ranges are of one part, in a set");
    }
  }

  public static NftSet set(NftTable table, String name, NftType... key) {
    return new NftSet(table, name, List.of(key), Content.NOTHING, List.of(), false, 0);
  }

  /// A set of ranges that do not touch one another.
  public static NftSet ranges(NftTable table, String name, NftType key) {
    return new NftSet(table, name, List.of(key), Content.NOTHING, List.of(), true, 0);
  }

  public static NftSet map(NftTable table, String name, List<NftType> key, List<NftType> data) {
    return new NftSet(table, name, key, Content.VALUE, data, false, 0);
  }

  public static NftSet verdicts(NftTable table, String name, NftType... key) {
    return new NftSet(table, name, List.of(key), Content.VERDICT, List.of(), false, 0);
  }

  /// A map that packets put elements into, which stay for a time.
  ///
  /// @param most how many
  public static NftSet memory(
      NftTable table, String name, List<NftType> key, List<NftType> data, int most) {
    return new NftSet(table, name, key, Content.VALUE, data, false, most);
  }

  @Override
  public String toString() {
    return (content == Content.NOTHING ? "set " : "map ") + name + " of " + table;
  }

  /// One element.
  ///
  /// @param key as long as the set's key
  /// @param content null for a set, and in a deletion
  /// @param end whether a range ends before this key, instead of one element beginning at it
  public record Element(NftValue key, @Nullable ElementContent content, boolean end) {
    public static Element of(NftValue key) {
      return new Element(key, null, false);
    }

    /// The first value behind a range; one up to the last value there is has none.
    public static Element end(NftValue key) {
      return new Element(key, null, true);
    }

    public static Element of(NftValue key, NftValue data) {
      return new Element(key, new Value(data), false);
    }

    public static Element of(NftValue key, NftVerdict verdict) {
      return new Element(key, new Decision(verdict), false);
    }
  }

  /// What an element of a map holds.
  public sealed interface ElementContent {}

  /// A value, as long as the map's data.
  public record Value(NftValue value) implements ElementContent {}

  /// What to do with the packet.
  public record Decision(NftVerdict verdict) implements ElementContent {}
}
