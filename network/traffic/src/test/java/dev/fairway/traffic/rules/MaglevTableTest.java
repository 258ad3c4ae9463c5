// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// How places are given to endpoints, and kept.
class MaglevTableTest {
  @Test
  void everybodyHasAsManyPlacesAndMostStayWhenOneGoes() {
    for (int count : List.of(2, 3, 7, 40)) {
      List<TransportAddress> endpoints = endpoints(count);
      List<TransportAddress> table = MaglevTable.of(endpoints);
      assertThat(table).hasSize(MaglevTable.PLACES);
      Map<TransportAddress, Integer> places = new HashMap<>();
      table.forEach(one -> places.merge(one, 1, Integer::sum));
      assertThat(places).hasSize(count);
      assertThat(Collections.max(places.values()) - Collections.min(places.values()))
          .isLessThanOrEqualTo(1);
      TransportAddress gone = endpoints.remove(count / 2);
      List<TransportAddress> after = MaglevTable.of(endpoints);
      int moved = 0;
      for (int i = 0; i < after.size(); i++) {
        moved += !table.get(i).equals(gone) && !table.get(i).equals(after.get(i)) ? 1 : 0;
      }
      if (count > 2) {
        assertThat(moved).isLessThan(MaglevTable.PLACES / 5);
      }
    }
  }

  @Test
  void oneEndpointOrTooManyAreTheirOwnTable() {
    assertThat(MaglevTable.of(List.of())).isEmpty();
    assertThat(MaglevTable.of(endpoints(1))).isEqualTo(endpoints(1));
    List<TransportAddress> many = endpoints(MaglevTable.PLACES + 1);
    assertThat(MaglevTable.of(many)).isEqualTo(many);
  }

  private static List<TransportAddress> endpoints(int count) {
    List<TransportAddress> endpoints = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      endpoints.add(new TransportAddress(IpAddress.parse("10.200.0.0").plus(i + 2L), 8080));
    }
    return endpoints;
  }
}
