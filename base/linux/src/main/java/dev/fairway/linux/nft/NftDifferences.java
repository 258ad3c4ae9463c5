// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetlinkReader;
import dev.fairway.linux.NetlinkSocket;
import dev.fairway.linux.NetlinkWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Compares tables with what was loaded into them: rules and elements count exactly, numbers that
/// grow by themselves do not.
///
/// Not for several threads.
final class NftDifferences {
  /// One table's contents.
  ///
  /// @param chains the rules of each chain
  /// @param places where packets come to chains by themselves, and what becomes of them at the end
  /// @param sets by name; of each, key to data
  private record Contents(
      Map<String, List<NftRuleForm>> chains,
      Map<String, String> places,
      Map<String, Map<NftValue, String>> sets) {
    static Contents empty() {
      return new Contents(new TreeMap<>(), new TreeMap<>(), new TreeMap<>());
    }
  }

  private static final int MOST_TOLD = 5;

  private final NetlinkSocket socket;
  private final Set<NftTable> there;
  private final Map<NftTable, Contents> wanted = new LinkedHashMap<>();
  private final Set<String> learned = new LinkedHashSet<>();
  private final List<String> found = new ArrayList<>();

  private NftDifferences(NetlinkSocket socket, List<NftTable> there) {
    this.socket = socket;
    this.there = Set.copyOf(there);
  }

  /// @param there the tables there are
  /// @param dormant those of them whose chains see no packet
  /// @param whole what makes the tables as they should be: what is deleted in it is not looked at
  static List<String> of(
      NetlinkSocket socket,
      List<NftTable> there,
      List<NftTable> dormant,
      List<? extends NftRequest> whole) {
    NftDifferences differences = new NftDifferences(socket, there);
    whole.forEach(differences::want);
    dormant.stream()
        .filter(differences.wanted::containsKey)
        .forEach(table -> differences.found.add(table + " is dormant"));
    differences.wanted.forEach(differences::compare);
    List<String> all = differences.found;
    if (all.size() <= MOST_TOLD) {
      return List.copyOf(all);
    }
    List<String> some = new ArrayList<>(all.subList(0, MOST_TOLD));
    some.add("and " + (all.size() - MOST_TOLD) + " more");
    return List.copyOf(some);
  }

  private void want(NftRequest request) {
    switch (request) {
      case NftRequest.AddTable(NftTable table) ->
          wanted.computeIfAbsent(table, t -> Contents.empty());
      case NftRequest.AddChain(NftChain chain) -> {
        of(chain.table()).chains().putIfAbsent(chain.name(), new ArrayList<>());
        NftChain.Attachment at = chain.attachment();
        if (at != null) {
          String place = place(at.hook().number(), at.priority(), at.accept() ? 1 : 0);
          of(chain.table()).places().put(chain.name(), place);
        }
      }
      case NftRequest.AddRule(NftTable table, String chain, List<NftExpression> expressions) ->
          of(table)
              .chains()
              .computeIfAbsent(chain, c -> new ArrayList<>())
              .add(NftRuleForm.of(expressions));
      case NftRequest.AddSet(NftSet set) -> {
        of(set.table()).sets().putIfAbsent(set.name(), new HashMap<>());
        if (set.remembered() != 0) {
          learned.add(set.name());
        }
      }
      case NftRequest.AddElements(NftSet set, List<NftSet.Element> elements) -> {
        Map<NftValue, String> all =
            of(set.table()).sets().computeIfAbsent(set.name(), s -> new HashMap<>());
        elements.forEach(element -> all.put(element.key(), content(element)));
      }
      case NftRequest.DeleteTable _,
          NftRequest.DeleteChain _,
          NftRequest.AddCounter _,
          NftRequest.DeleteSet _,
          NftRequest.DeleteCounter _,
          NftRequest.DeleteElements _,
          NftRequest.Recall _ -> {}
    }
  }

  private static String place(int hook, int priority, int policy) {
    return hook + " " + priority + " " + policy;
  }

  private Contents of(NftTable table) {
    return wanted.computeIfAbsent(table, t -> Contents.empty());
  }

  private static String content(NftSet.Element element) {
    return switch (element.content()) {
      case null -> element.end() ? "end" : "";
      case NftSet.Value(NftValue data) -> data.toString();
      case NftSet.Decision(NftVerdict verdict) -> verdict.kind().code() + verdict.chain();
    };
  }

  private void compare(NftTable table, Contents should) {
    if (!there.contains(table)) {
      found.add(table + " is gone");
      return;
    }
    Map<String, String> places = new TreeMap<>();
    Map<String, List<NftRuleForm>> chains = chains(table, places);
    should
        .chains()
        .forEach((chain, rules) -> {
          List<NftRuleForm> are = chains.get(chain);
          if (are == null) {
            found.add("chain " + chain + " of " + table + " is gone");
          } else if (are.size() != rules.size()) {
            found.add(
                "chain %s of %s has %d rules, not %d"
                    .formatted(chain, table, are.size(), rules.size()));
          } else {
            for (int i = 0; i < rules.size(); i++) {
              if (!rules.get(i).isSameAs(are.get(i))) {
                found.add("chain " + chain + " of " + table + " has other rules");
                break;
              }
            }
          }
        });
    places.forEach((chain, place) -> {
      String wanted = should.places().getOrDefault(chain, "");
      if (should.chains().containsKey(chain) && !wanted.equals(place)) {
        found.add("chain " + chain + " of " + table + " has another hook, priority or policy");
      }
    });
    for (String chain : chains.keySet()) {
      if (!should.chains().containsKey(chain)) {
        found.add("chain " + chain + " of " + table + " is somebody else's");
      }
    }
    should
        .sets()
        .forEach((name, elements) -> {
          if (!learned.contains(name)) {
            compare(table, name, elements);
          }
        });
  }

  private void compare(NftTable table, String set, Map<NftValue, String> should) {
    Map<NftValue, String> are;
    try {
      are = elements(socket, table, set);
    } catch (KernelException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      found.add("set " + set + " of " + table + " is gone");
      return;
    }
    long missing = should.keySet().stream().filter(key -> !are.containsKey(key)).count();
    long added = are.keySet().stream().filter(key -> !should.containsKey(key)).count();
    long other =
        should.entrySet().stream()
            .filter(entry -> are.containsKey(entry.getKey()))
            .filter(entry -> !entry.getValue().equals(are.get(entry.getKey())))
            .count();
    tell(missing, "elements are missing in", set, table);
    tell(added, "elements are somebody else's in", set, table);
    tell(other, "elements are changed in", set, table);
  }

  private void tell(long count, String what, String set, NftTable table) {
    if (count > 0) {
      found.add(count + " " + what + " " + set + " of " + table);
    }
  }

  /// `NFTA_CHAIN_*`, `NFTA_RULE_*`
  private Map<String, List<NftRuleForm>> chains(NftTable table, Map<String, String> places) {
    Map<String, List<NftRuleForm>> chains = new TreeMap<>();
    NetlinkWriter names = socket.writer();
    NftWire.begin(names, NftWire.GETCHAIN, NfTables.DUMP, table);
    names.end();
    socket.dump(
        names,
        chains::clear,
        (type, payload) -> {
          Named chain = Named.read(payload, 3);
          if (type == NftWire.NEWCHAIN && chain.table().equals(table.name())) {
            chains.put(chain.name(), new ArrayList<>());
            places.put(chain.name(), readPlace(payload));
          }
        });
    NetlinkWriter rules = socket.writer();
    NftWire.begin(rules, NftWire.GETRULE, NfTables.DUMP, table);
    rules.attributeText(1, table.name());
    rules.end();
    socket.dump(
        rules,
        () -> chains.values().forEach(List::clear),
        (type, payload) -> {
          if (type == NftWire.NEWRULE) {
            Named rule = Named.read(payload, 2);
            List<NftRuleForm> chain = chains.get(rule.name());
            if (chain != null && rule.table().equals(table.name())) {
              chain.add(rule.form());
            }
          }
        });
    return chains;
  }

  /// `NFTA_CHAIN_HOOK`, `NFTA_CHAIN_POLICY`; empty for a regular chain.
  private static String readPlace(NetlinkReader payload) {
    int[] hook = {-1, 0, 0};
    payload.attributes(
        4,
        (attribute, value) -> {
          if (attribute == 4) {
            value.attributes(
                0,
                (inner, number) -> {
                  if (inner == 1 || inner == 2) {
                    hook[inner - 1] = number.bigEndian32(0);
                  }
                });
          } else if (attribute == 5) {
            hook[2] = value.bigEndian32(0);
          }
        });
    return hook[0] < 0 ? "" : place(hook[0], hook[1], hook[2]);
  }

  /// A chain, or a rule with its chain's name.
  private record Named(String table, String name, NftRuleForm form) {
    /// @param nameAttribute where its chain's name is
    static Named read(NetlinkReader payload, int nameAttribute) {
      String[] names = {"", ""};
      NftRuleForm[] form = {NftRuleForm.EMPTY};
      payload.attributes(
          4,
          (attribute, value) -> {
            if (attribute == 1) {
              names[0] = value.text();
            } else if (attribute == nameAttribute) {
              names[1] = value.text();
            } else if (attribute == 4 && nameAttribute == 2) {
              form[0] = NftRuleForm.read(value, 0);
            }
          });
      return new Named(names[0], names[1], form[0]);
    }
  }

  /// Key and data of each element.
  static Map<NftValue, String> elements(NetlinkSocket socket, NftTable table, String set) {
    NetlinkWriter out = socket.writer();
    NftWire.begin(out, NftWire.GETSETELEM, NfTables.DUMP, table);
    out.attributeText(1, table.name());
    out.attributeText(2, set);
    out.end();
    Map<NftValue, String> elements = new HashMap<>();
    socket.dump(
        out,
        elements::clear,
        (type, payload) -> {
          if (type == NftWire.NEWSETELEM) {
            payload.attributes(
                4,
                (attribute, list) -> {
                  if (attribute == 3) {
                    list.attributes(0, (number, element) -> read(element, elements));
                  }
                });
          }
        });
    return elements;
  }

  /// `NFTA_SET_ELEM_*`, `NFTA_DATA_*`, `NFTA_VERDICT_*`
  private static void read(NetlinkReader element, Map<NftValue, String> elements) {
    byte[][] key = {new byte[0]};
    StringBuilder content = new StringBuilder();
    element.attributes(
        0,
        (attribute, value) -> {
          if (attribute == 3 && value.bigEndian32(0) == 1) {
            content.append("end");
          }
          if (attribute == 1 || attribute == 2) {
            value.attributes(
                0,
                (inner, data) -> {
                  if (inner == 1 && attribute == 1) {
                    key[0] = data.bytes();
                  } else if (inner == 1) {
                    content.append(NftValue.octets(data.bytes()));
                  } else if (inner == 2) {
                    data.attributes(
                        0,
                        (part, word) -> {
                          if (part == 1) {
                            content.append(word.bigEndian32(0));
                          } else if (part == 2) {
                            content.append(word.text());
                          }
                        });
                  }
                });
          }
        });
    elements.put(NftValue.octets(key[0]), content.toString());
  }
}
