// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.http.Query;
import dev.fairway.apiserver.http.Request;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ImpersonationTest {
  private static final Identity ADMIN =
      new Identity("admin", "", List.of("system:masters", "system:authenticated"), Map.of());
  private static final Identity SOMEBODY =
      new Identity("somebody", "", List.of("system:authenticated"), Map.of());

  private final Impersonation impersonation =
      new Impersonation(new IdentityRules(IdentityRulesTest.pods()));

  private static Request request(Map<String, List<String>> headers) {
    return new Request(
        "GET",
        "/api",
        new Query("", Map.of()),
        headers,
        new byte[0],
        new InetSocketAddress("127.0.0.1", 1));
  }

  @Test
  void withoutHeadersTheCallerIsItself() {
    assertThat(impersonation.of(SOMEBODY, request(Map.of()))).isSameAs(SOMEBODY);
  }

  @ParameterizedTest
  @CsvSource({
    "jane, '', system:authenticated",
    "jane, devs, devs;system:authenticated",
    "system:anonymous, '', system:unauthenticated",
    "system:serviceaccount:a:b, '',"
        + " system:serviceaccounts;system:serviceaccounts:a;system:authenticated",
    "system:serviceaccount:a:b, devs, devs;system:authenticated",
  })
  void anAdministratorMayBeAnyone(String user, String group, String groups) {
    Map<String, List<String>> headers =
        group.isEmpty()
            ? Map.of("impersonate-user", List.of(user))
            : Map.of("impersonate-user", List.of(user), "impersonate-group", List.of(group));
    Identity became = impersonation.of(ADMIN, request(headers));
    assertThat(became.user()).isEqualTo(user);
    assertThat(became.groups()).containsExactly(groups.split(";"));
  }

  @Test
  void othersMayNot() {
    assertThatThrownBy(
            () -> impersonation.of(SOMEBODY, request(Map.of("impersonate-user", List.of("admin")))))
        .isInstanceOf(StatusException.class)
        .hasMessage(
            "users \"admin\" is forbidden: User \"somebody\" cannot impersonate resource \"users\""
                + " in API group \"\" at the cluster scope");
  }

  @ParameterizedTest
  @CsvSource({
    "impersonate-group, system:masters",
    "impersonate-uid, 1",
    "impersonate-extra-scope, x",
    "impersonate-user, system:serviceaccount:only",
  })
  void senselessHeadersAreRefused(String header, String value) {
    assertThatThrownBy(() -> impersonation.of(ADMIN, request(Map.of(header, List.of(value)))))
        .isInstanceOf(StatusException.class)
        .hasMessageContaining("Impersonate-User");
  }
}
