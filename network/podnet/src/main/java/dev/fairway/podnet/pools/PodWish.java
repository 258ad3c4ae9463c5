// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.podnet.ipam.NoAddress;
import dev.fairway.podnet.ipam.NoAddress.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a pod says about its addresses, and of which namespace it is.
///
/// @param pools that it asks for by name; none for the usual choice
/// @param addresses that it asks for, at most one a family
/// @param namespaceLabels of its namespace
record PodWish(List<String> pools, List<IpAddress> addresses, Map<String, String> namespaceLabels) {
  /// `'["blue"]'`
  static final String POOLS = "podnet.fairway.dev/pools";

  /// `'["10.200.128.9"]'`, one a family.
  static final String ADDRESSES = "podnet.fairway.dev/addresses";

  private static final JsonMapper JSON = new JsonMapper();
  private static final int LONGEST = 1024;
  private static final int MOST = 16;

  PodWish {
    pools = List.copyOf(pools);
    addresses = List.copyOf(addresses);
    namespaceLabels = Map.copyOf(namespaceLabels);
  }

  /// Reads a pod's annotations.
  ///
  /// @throws NoAddress if they make no sense; the message names the annotation
  static PodWish of(Map<String, String> annotations, Map<String, String> namespaceLabels)
      throws NoAddress {
    List<IpAddress> addresses = new ArrayList<>();
    for (String text : list(annotations, ADDRESSES)) {
      IpAddress address;
      try {
        address = IpAddress.parse(text);
      } catch (IllegalArgumentException e) {
        throw new NoAddress(Reason.BAD_ANNOTATION, ADDRESSES + ": " + e.getMessage(), e);
      }
      if (addresses.stream().anyMatch(other -> other.family() == address.family())) {
        throw new NoAddress(
            Reason.BAD_ANNOTATION, ADDRESSES + ": a pod has one address a family, not " + text);
      }
      addresses.add(address);
    }
    return new PodWish(list(annotations, POOLS), addresses, namespaceLabels);
  }

  private static List<String> list(Map<String, String> annotations, String key) throws NoAddress {
    String text = annotations.get(key);
    if (text == null) {
      return List.of();
    }
    List<String> found = new ArrayList<>();
    try {
      JsonNode list = text.length() > LONGEST ? null : JSON.readTree(text);
      if (list != null && list.isArray() && list.size() <= MOST) {
        for (JsonNode item : list) {
          if (item.isString() && !item.stringValue().isEmpty()) {
            found.add(item.stringValue());
          }
        }
        if (found.size() == list.size()) {
          return found;
        }
      }
    } catch (JacksonException e) {
      throw new NoAddress(Reason.BAD_ANNOTATION, key + " must be a JSON list of texts", e);
    }
    throw new NoAddress(
        Reason.BAD_ANNOTATION, key + " must be a JSON list of at most " + MOST + " texts");
  }

  Optional<IpAddress> address(IpFamily family) {
    return addresses.stream().filter(address -> address.family() == family).findFirst();
  }
}
