// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.protobuf.ProtobufBody;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Whatever bytes come, the answer is a value or a Status for the client.
final class ParsersFuzzTest {
  private static final int ROUNDS = 20_000;

  @Test
  void pathsAreUnderstood() {
    record Row(String path, String seen) {}
    for (Row row :
        List.of(
            new Row("/api/v1/pods", "pods ns= name= sub= rest="),
            new Row("/api/v1/namespaces/a/pods/b", "pods ns=a name=b sub= rest="),
            new Row("/api/v1/namespaces/a", "namespaces ns= name=a sub= rest="),
            new Row("/api/v1/namespaces/a/status", "namespaces ns= name=a sub=status rest="),
            new Row(
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
                "deployments ns=a name=b sub=scale rest="),
            new Row(
                "/api/v1/nodes/n/proxy/logs/x%2Fy", "nodes ns= name=n sub=proxy rest=logs/x%2Fy"),
            new Row(
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
                "clusterroles ns= name=system:node sub= rest="))) {
      ResourcePath path = ResourcePath.parse(Kinds.builtin(), row.path());
      assertThat(
              path.kind().plural()
                  + " ns="
                  + path.namespace()
                  + " name="
                  + path.name()
                  + " sub="
                  + path.subresource()
                  + " rest="
                  + path.rest())
          .isEqualTo(row.seen());
    }
    for (String path :
        List.of(
            "/api/v1",
            "/api/v1/nothing",
            "/api/v1/pods/x",
            "/apis/apps/v1/deployments/x",
            "/api/v1/namespaces/a/pods/..%2F..%2Fsecrets",
            "/api/v1/namespaces/a/nodes")) {
      assertThatThrownBy(() -> ResourcePath.parse(Kinds.builtin(), path))
          .as(path)
          .isInstanceOf(StatusException.class);
    }
  }

  @Test
  void mutatedPathsAndAcceptHeaders() {
    Random random = new Random(7);
    String path = "/apis/apps/v1/namespaces/a%20b/deployments/c/status";
    String accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/yaml;q=0.5,*/*";
    for (int i = 0; i < ROUNDS; i++) {
      String brokenPath = mutate(random, path);
      String brokenAccept = mutate(random, accept);
      try {
        assertThat(ResourcePath.parse(Kinds.builtin(), brokenPath).name()).doesNotContain("/");
      } catch (StatusException refused) {
        assertThat(refused.code()).isBetween(400, 499);
      }
      try {
        Form.of(List.of(brokenAccept));
      } catch (StatusException refused) {
        assertThat(refused.code()).isBetween(400, 499);
      }
    }
  }

  @Test
  void mutatedProtobuf() {
    Random random = new Random(11);
    // A ConfigMap named "a" in protobuf.
    byte[] body = {
      'k', '8', 's', 0, 0x0a, 15, 0x0a, 2, 'v', '1', 0x12, 9, 'C', 'o', 'n', 'f', 'i', 'g', 'M',
      'a', 'p', 0x12, 13, 0x0a, 3, 0x0a, 1, 'a', 0x12, 6, 0x0a, 1, 'k', 0x12, 1, 'v'
    };
    assertThat(new String(ProtobufBody.toJson(body), StandardCharsets.UTF_8))
        .isEqualTo(
            "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"},\"apiVersion\":\"v1\","
                + "\"kind\":\"ConfigMap\"}");
    for (int i = 0; i < ROUNDS; i++) {
      byte[] broken = body.clone();
      for (int change = random.nextInt(4); change >= 0; change--) {
        broken[4 + random.nextInt(broken.length - 4)] = (byte) random.nextInt();
      }
      try {
        ProtobufBody.toJson(broken);
      } catch (StatusException refused) {
        assertThat(refused.code()).isBetween(400, 499);
      }
    }
  }

  private static String mutate(Random random, String text) {
    StringBuilder broken = new StringBuilder(text);
    String odd = "/%;=,. ?&\u0000\u00e4\u2028AZ09";
    for (int change = random.nextInt(6); change >= 0 && !broken.isEmpty(); change--) {
      int at = random.nextInt(broken.length());
      switch (random.nextInt(3)) {
        case 0 -> broken.deleteCharAt(at);
        case 1 -> broken.insert(at, odd.charAt(random.nextInt(odd.length())));
        default -> broken.setCharAt(at, odd.charAt(random.nextInt(odd.length())));
      }
    }
    return broken.toString();
  }
}
