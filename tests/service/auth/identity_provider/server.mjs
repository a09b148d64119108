// An OpenID Connect provider: oidc-provider, which the OpenID Foundation has certified.
//
// It asks nobody for a password: the account is the request's login_hint, `<name>.<kind>`. Accounts
// of the kind `verified` own their address, others do not, and `nobody.refuses` does not consent.
// Environment: PORT, CLIENT_SECRET, REDIRECT_URI; CLAIMS_IN_ID_TOKEN=true spares the userinfo request.

import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { PORT, CLIENT_SECRET, REDIRECT_URI, CLAIMS_IN_ID_TOKEN } = process.env;

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
}

function account(sub) {
  const [name, kind] = sub.split('.');
  const address = kind === 'silent' ? {} : { email: `${name}@example.com`, email_verified: kind === 'verified' };
  return { accountId: sub, claims: () => ({ sub, name, picture: `https://pictures.example/${name}`, ...address }) };
}

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: ['plinth', 'native-app', 'strangers-app'].map((client_id) => ({
    client_id,
    client_secret: CLIENT_SECRET,
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
  })),
  jwks: { keys: [signingKey()] },
  cookies: { keys: ['of the tests'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
  conformIdTokenClaims: CLAIMS_IN_ID_TOKEN !== 'true',
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_context, sub) => account(sub),
  issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
  async loadExistingGrant(context) {
    const { client, session, provider: self } = context.oidc;
    const grant = new self.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
});

provider.use(async (context, next) => {
  if (!context.path.startsWith('/interaction/')) return next();
  const { params } = await provider.interactionDetails(context.req, context.res);
  const result = params.login_hint === 'nobody.refuses'
    ? { error: 'access_denied', error_description: 'The account holder refused' }
    : { login: { accountId: params.login_hint } };
  context.respond = false;
  return provider.interactionFinished(context.req, context.res, result);
});

provider.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
