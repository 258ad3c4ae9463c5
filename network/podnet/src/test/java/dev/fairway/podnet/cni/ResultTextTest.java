// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.json.JsonMapper;

/// Results and errors of every version, against files that are what the specification's section 5
/// of that version says.
final class ResultTextTest {
  private static final Path GOLDEN = Path.of("src/test/resources/cni");
  private static final IpAddress GATEWAY_V4 = IpAddress.parse("169.254.1.1");
  private static final IpAddress GATEWAY_V6 = IpAddress.parse("fe80::1");

  private static final CniResult RESULT =
      new CniResult(
          List.of(
              CniResult.Interface.ofMachine("fw0123456789ab", "ee:ee:ee:ee:ee:ee", 1450),
              new CniResult.Interface(
                  "eth0",
                  "0a:58:0a:c8:00:02",
                  1450,
                  "/run/netns/a",
                  "/run/v.sock",
                  "0000:00:1f.6")),
          List.of(
              new CniResult.Address(
                  IpAddress.parse("10.200.0.2"), 32, Optional.of(GATEWAY_V4), Optional.of(1)),
              new CniResult.Address(
                  IpAddress.parse("10.200.0.3"), 24, Optional.empty(), Optional.of(1)),
              new CniResult.Address(
                  IpAddress.parse("fd00::2"), 128, Optional.of(GATEWAY_V6), Optional.of(1))),
          List.of(
              CniResult.Route.of(Prefix.parse("0.0.0.0/0"), GATEWAY_V4),
              CniResult.Route.of(Prefix.parse("::/0"), GATEWAY_V6),
              new CniResult.Route(
                  Prefix.parse("10.9.0.0/16"),
                  Optional.empty(),
                  1400,
                  1360,
                  7,
                  Optional.of(100),
                  Optional.of(253))),
          new CniResult.Dns(
              List.of("10.32.0.10"), "cluster.local", List.of("a.b"), List.of("ndots:5")));

  @ParameterizedTest
  @EnumSource(CniVersion.class)
  void aResultIsWrittenAsItsVersionHasIt(CniVersion version) throws Exception {
    String text = ResultWriter.render(RESULT, version);
    assertThat(new JsonMapper().readTree(text))
        .isEqualTo(new JsonMapper().readTree(golden(version)));
  }

  @ParameterizedTest
  @EnumSource(CniVersion.class)
  void whatWasReadIsWrittenAgainTheSame(CniVersion version) throws Exception {
    byte[] text = golden(version);
    assertThat(ResultWriter.render(ResultText.parse(text), version))
        .isEqualTo(ResultWriter.render(RESULT, version));
  }

  @Test
  void theNewestVersionLosesNothing() throws Exception {
    String line = ResultText.render(RESULT);
    assertThat(line).endsWith("\n").hasLineCount(1);
    assertThat(ResultText.parse(line.getBytes(StandardCharsets.UTF_8))).isEqualTo(RESULT);
  }

  @Test
  void aResultWithoutVersionIsOfTheConfigurations() throws Exception {
    byte[] text = "{\"ip4\":{\"ip\":\"10.0.0.2/24\"}}".getBytes(StandardCharsets.UTF_8);
    assertThat(ResultText.parse(text, CniVersion.V0_2_0).addresses()).hasSize(1);
    assertThat(ResultText.parse(text, CniVersion.V0_3_0).addresses()).isEmpty();
  }

  @Test
  void errorsAreEscaped() {
    CniException error =
        new CniException(CniException.Code.INVALID_ENVIRONMENT, "no \"x\"", "line\nbreak");
    String text =
        "{\"cniVersion\":\"0.4.0\",\"code\":4,\"msg\":\"no \\\"x\\\"\","
            + "\"details\":\"line\\nbreak\"}\n";
    assertThat(ResultWriter.render(error, CniVersion.V0_4_0)).isEqualTo(text);
    assertThat(ResultText.parseError(text.getBytes(StandardCharsets.UTF_8)))
        .hasMessage("no \"x\"")
        .satisfies(e -> assertThat(e.number()).isEqualTo(4));
  }

  @Test
  void anIndexBeyondTheListIsRefused() {
    byte[] text =
        "{\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":0}]}"
            .getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> ResultText.parse(text)).hasMessageContaining("ips[0].interface");
  }

  @Test
  void hostileResultsAreRefusedOrRead() throws Exception {
    Random random = new Random(20261123);
    for (CniVersion version : CniVersion.values()) {
      byte[] good = golden(version);
      for (int round = 0; round < 3000; round++) {
        byte[] text = good.clone();
        for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
          text[random.nextInt(text.length)] = (byte) random.nextInt(128);
        }
        try {
          CniResult result = ResultText.parse(text, version);
          for (CniVersion asked : CniVersion.values()) {
            ResultWriter.render(result, asked);
          }
        } catch (CniException e) {
          assertThat(e.number()).isBetween(1, 11);
        }
        ResultText.parseError(text);
      }
    }
  }

  private static byte[] golden(CniVersion version) throws IOException {
    return Files.readAllBytes(GOLDEN.resolve("result-" + version + ".json"));
  }
}
