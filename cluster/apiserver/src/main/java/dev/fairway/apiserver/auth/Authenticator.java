// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import dev.fairway.apiserver.http.Exchange;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.naming.InvalidNameException;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/// Turns credentials into an [Identity]: a bearer token if there is one, else the client
/// certificate (CN is the user, each O a group).
public final class Authenticator {
  private final StaticTokens fixed;
  private final ServiceAccountTokens tokens;

  public Authenticator(StaticTokens fixed, ServiceAccountTokens tokens) {
    this.fixed = fixed;
    this.tokens = tokens;
  }

  /// The caller, or nothing if it shows no credential or a bad one.
  public Optional<Identity> authenticate(Exchange exchange) {
    return authenticate(exchange.request().header("authorization"), exchange.certificate());
  }

  /// The caller, by an `Authorization` header's value or a certificate the client CA vouches for.
  public Optional<Identity> authenticate(
      Optional<String> authorization, Optional<X509Certificate> certificate) {
    if (authorization.isPresent()) {
      String value = authorization.get();
      if (!value.regionMatches(true, 0, "Bearer ", 0, 7)) {
        return Optional.empty();
      }
      String token = value.substring(7).strip();
      return fixed.read(token).or(() -> tokens.read(token, List.of()));
    }
    return certificate.flatMap(Authenticator::identity);
  }

  static Optional<Identity> identity(X509Certificate certificate) {
    String user = "";
    List<String> groups = new ArrayList<>();
    try {
      for (Rdn part : new LdapName(certificate.getSubjectX500Principal().getName()).getRdns()) {
        Attribute common = part.toAttributes().get("CN");
        if (common != null) {
          user = common.get().toString();
        }
        Attribute organization = part.toAttributes().get("O");
        if (organization != null) {
          for (int i = 0; i < organization.size(); i++) {
            groups.add(organization.get(i).toString());
          }
        }
      }
    } catch (InvalidNameException _) {
      return Optional.empty();
    } catch (NamingException _) {
      return Optional.empty();
    }
    if (user.isEmpty()) {
      return Optional.empty();
    }
    groups.add(Identity.AUTHENTICATED);
    return Optional.of(new Identity(user, "", groups, Map.of()));
  }
}
