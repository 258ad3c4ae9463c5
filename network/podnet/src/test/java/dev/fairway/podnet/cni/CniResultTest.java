// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

final class CniResultTest {
  private static final CniResult RESULT =
      new CniResult(
          "fw0123456789ab",
          MacAddress.parse("ee:ee:ee:ee:ee:ee"),
          "eth0",
          MacAddress.parse("0a:58:0a:c8:00:02"),
          Path.of("/run/netns/a"),
          List.of(
              new CniResult.Address(Prefix.parse("10.200.0.2/32"), IpAddress.parse("169.254.1.1"))),
          List.of(Prefix.parse("0.0.0.0/0")),
          1450);

  private static final String INTERFACES =
      "\"interfaces\":[{\"name\":\"fw0123456789ab\",\"mac\":\"ee:ee:ee:ee:ee:ee\"},"
          + "{\"name\":\"eth0\",\"mac\":\"0a:58:0a:c8:00:02\",\"sandbox\":\"/run/netns/a\"}],";

  private static final String REST =
      "\"interface\":1,\"address\":\"10.200.0.2/32\",\"gateway\":\"169.254.1.1\"}],"
          + "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"}],\"dns\":{}}\n";

  @Test
  void resultOfTheNewestVersion() {
    assertThat(RESULT.render(CniVersion.V1_0_0))
        .isEqualTo("{\"cniVersion\":\"1.0.0\"," + INTERFACES + "\"ips\":[{" + REST);
  }

  @Test
  void olderVersionsNameTheFamily() {
    assertThat(RESULT.render(CniVersion.V0_3_1))
        .isEqualTo(
            "{\"cniVersion\":\"0.3.1\"," + INTERFACES + "\"ips\":[{\"version\":\"4\"," + REST);
  }

  @Test
  void errorsAreEscaped() {
    CniException error =
        new CniException(CniException.Code.INVALID_ENVIRONMENT, "no \"x\"", "line\nbreak");
    assertThat(CniResult.render(error, CniVersion.V0_4_0))
        .isEqualTo(
            "{\"cniVersion\":\"0.4.0\",\"code\":4,\"msg\":\"no \\\"x\\\"\","
                + "\"details\":\"line\\nbreak\"}\n");
  }
}
