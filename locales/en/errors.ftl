error-malformed = This request cannot be read.
error-malformed-hint = Go back and try again.
error-signed-out = You are signed out.
error-signed-out-hint = Sign in and go on. What you typed is kept below, if there was something.
error-forbidden = This is not yours to change.
error-forbidden-hint = Only the owner and admins may do that.
error-foreign-origin = This was sent from another site.
error-foreign-origin-hint = To keep your account safe, forms work only from our own pages.
error-hidden-origin = Your browser did not say which page sent this.
error-hidden-origin-hint = A privacy setting, an extension, or a Referrer-Policy header added by a proxy hides the page’s address. Allow this site to see it, then try again.
error-other-port = The address of this page and the address of the server differ.
error-other-port-hint = For the operator: a proxy changes the port or uses HTTPS. Set site.url to the address that people type into the browser.
error-other-address = This site has a different address.
error-other-address-hint = For the operator: site.url is set to a different address than the one in your browser. Open the site there, or change site.url.
error-not-found = There is nothing here.
error-not-found-hint = It may have been deleted, or the address has a typo in it.
error-beyond = This page has seen more than the room holds.
error-beyond-hint = Load the room again.
error-wrong-author = This form is from {"\u2068"}{ $author }{"\u2069"}’s page.
error-wrong-author-hint = You are signed in as {"\u2068"}{ $me }{"\u2069"} now, so nothing was sent or changed.
error-too-large = That is too large.
error-too-large-hint = A form takes up to 64 KiB. Go back, and send it in parts.
error-misdirected = This site does not answer at this address.
error-misdirected-hint = For the operator: add the host name to site.hosts, or set site.url to the address that people type into the browser.
error-invalid = Some of this cannot be accepted.
error-invalid-hint = Go back and look at the fields.
error-too-many = Too many attempts.
error-too-many-hint = { $wait ->
    [one] Try again in 1 second.
   *[other] Try again in { $wait } seconds.
  }
error-too-many-hint-minutes = Try again in { $wait } minutes.
error-head-too-large = Your browser sent too much with this request.
error-head-too-large-hint = Headers and address may be 16 KiB together. Delete this site’s cookies or open a shorter link, then try again.
error-internal = Something went wrong on our side.
error-internal-hint = It has been noted. Try again in a moment.
error-unavailable = The site cannot do that right now.
error-unavailable-hint = Try again in a moment.

fault-empty = Write something here.
fault-too-short = At least { $limit } characters, please.
fault-too-long = At most { $limit } characters, please.
fault-control = Remove { $character }. It cannot be used here.
fault-alphabet = Not allowed here: { $character }
fault-path = That is not the path of a picture.
fault-taken = This is already taken.
fault-nonce-used = This form was sent before with other words. Send it again to say these as well.
fault-edited-often = This has been edited too often. Say it anew.
fault-credentials = ID and password do not match.
fault-wrong-password = That is not your password.
fault-language = Choose one of the languages.
fault-theme = Choose one of the colours.
fault-number = That number cannot be used.

character-space = a space
character-tab = a tab
character-line-break = a line break

request-id = Request number:

kept-copy = Copy what you typed before you leave this page.
send-as = Send as {"\u2068"}{ $name }{"\u2069"}
sign-in-as = Sign in as {"\u2068"}{ $name }{"\u2069"}
switch-hint = To send it as {"\u2068"}{ $name }{"\u2069"}, sign in as them in a new tab first. That signs you out here.
kept-text = Your words
kept-name = Name
kept-topic = What it is about
kept-userId = ID
kept-userNickname = Nickname
