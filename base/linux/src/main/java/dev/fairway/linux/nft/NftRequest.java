// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import java.time.Duration;
import java.util.List;

/// One change of a transaction. What is added may be there already, unless it differs; what is
/// deleted must be there.
public sealed interface NftRequest {
  record AddTable(NftTable table) implements NftRequest {}

  /// Deletes a table and all that is in it. To delete one that may be absent, add it first: both in
  /// one transaction.
  record DeleteTable(NftTable table) implements NftRequest {}

  record AddChain(NftChain chain) implements NftRequest {}

  /// Nothing may lead to it any more; its rules go with it.
  record DeleteChain(NftTable table, String name) implements NftRequest {}

  /// Appends a rule.
  record AddRule(NftTable table, String chain, List<NftExpression> expressions)
      implements NftRequest {
    public AddRule {
      expressions = List.copyOf(expressions);
    }

    public static AddRule of(NftChain chain, NftExpression... expressions) {
      return new AddRule(chain.table(), chain.name(), List.of(expressions));
    }
  }

  record AddSet(NftSet set) implements NftRequest {}

  /// No rule may look into it any more; its elements go with it.
  record DeleteSet(NftTable table, String name) implements NftRequest {}

  /// Adds a counter that rules refer to by its name, unless there is one.
  record AddCounter(NftTable table, String name) implements NftRequest {
    public AddCounter {
      NftName.check(name);
    }
  }

  /// No rule may count by it any more.
  record DeleteCounter(NftTable table, String name) implements NftRequest {}

  /// An element whose key is there with other data is refused: delete it first.
  record AddElements(NftSet set, List<NftSet.Element> elements) implements NftRequest {
    @Override
    public String toString() {
      return "add " + elements.size() + " elements to " + set;
    }
  }

  record DeleteElements(NftSet set, List<NftSet.Element> elements) implements NftRequest {
    @Override
    public String toString() {
      return "delete " + elements.size() + " elements of " + set;
    }
  }

  /// Puts into a map what packets had put into it before: see [NfTables#remembered].
  record Recall(NftSet map, List<Remembered> elements) implements NftRequest {
    public Recall {
      elements = List.copyOf(elements);
    }

    @Override
    public String toString() {
      return "recall " + elements.size() + " elements of " + map;
    }
  }

  /// An element that packets put into a map.
  ///
  /// @param time how long it stays after each time a packet renews it
  /// @param left how long from now, if none does
  record Remembered(NftValue key, NftValue data, Duration time, Duration left) {
    boolean fits(NftSet map) {
      return key.length() == NftWire.bytes(map.key())
          && data.length() == NftWire.bytes(map.data())
          && left.isPositive();
    }
  }
}
