language-name = English
site-name = Sarangbang
site-motto = A place to welcome guests and talk.
skip-to-content = Skip to content
skip-to-composer = Skip to message box
account = Account

sign-in = Sign in
sign-up = Sign up
sign-out = Sign out
user-id = ID
user-id-hint = 3–32 letters, digits, dots, dashes or underscores. You sign in with this.
password = Password
password-hint = At least 8 characters.
nickname = Nickname
nickname-hint = The name others see, up to 40 characters.
go-to-sign-in = Already have an account? Sign in
go-to-sign-up = New here? Sign up
sign-up-to-room = Sign up to open the room you were invited to.
sign-in-to-room = Sign in to open the room.
forgotten-password = Forgot your password? Ask an admin of this site.
show-password = Show password
notice-signed-out = Signed out.
notice-session-ended = You were signed out on this device.
notice-account-deleted = Your account was deleted.
go-to-your-account = This is you. Edit your account
member-since = Member since
role-admin = Admin
deleted-user-hint = This account no longer exists.
back-to-room = Back to room
deleted-user = deleted user

picture = Picture
choose-picture = Choose picture
picture-hint = JPEG, PNG, GIF or WebP, up to 8 MiB. Cropped to a square; metadata is removed.
save-picture = Save picture
remove-picture = Remove picture
remove-picture-hint = Your initial is shown instead.
picture-sending = Uploading…
picture-stored = Picture saved.
picture-ticket = This form has expired. Try again.
picture-form = The upload was interrupted. Try again.
picture-missing = Choose a picture first.
picture-too-large = This picture is larger than 8 MiB.
picture-too-slow = The upload took too long. Try again, or use a smaller picture.
picture-too-many = Too many uploads. Try again in a minute.
picture-kind = This isn’t a JPEG, PNG, GIF or WebP.
picture-pixels = This picture is too large: up to 10,000 pixels a side and 40 million in total.
picture-broken = This picture is damaged or incomplete.
picture-unavailable = Pictures aren’t available right now. Everything else works; try again later.
notice-picture = Picture removed.
profile = Profile
save = Save
save-nickname = Save nickname
language-and-theme = Language and theme
language = Language
language-from-browser = Same as browser
current-password = Current password
new-password = New password
new-password-hint = You’ll be signed out on other devices.
change-password = Change password
sessions = Your devices
current-session = This device
unknown-browser = Unknown browser
device = { $browser } on { $system }
device-zone = { $city } time
sign-out-session = Sign out
sign-out-other-sessions = Sign out everywhere else
sign-out-other-sessions-hint = You’ll stay signed in on this device only.
delete-account = Delete account
delete-account-hint = Your messages stay, shown as “deleted user”. Your ID becomes free.
delete-account-warning = This can’t be undone. Enter your password to confirm.
notice-profile = Nickname saved.
notice-preferences = Changes saved.
notice-password = Password changed.
notice-sessions = Signed out there.

theme = Theme
theme-from-system = Same as device
theme-light = Light
theme-dark = Dark

you = you
message-actions = Message actions
more-actions = More actions
copy-link = Copy link
copy-text = Copy text
message-details = Show details
message-changed = This message was edited elsewhere. Saving replaces that edit.
message-edited = Message edited.
message-was-deleted = Message deleted.
copied = Copied.
undo = Undo
edit-failed = Couldn’t save. Try again.
delete-failed = Couldn’t delete the message.
copy-failed = Couldn’t copy.
cancel = Cancel
characters-left = Characters left: { $count }
characters-over = Characters over the limit: { $count }
new-messages = { $count } new
announce-newer = { $count } new messages.
announce-older = Older messages loaded: { $count }
announce-loaded = Newer messages loaded: { $count }
unread-divider = New messages
help = Notifications and shortcuts
shortcut-enter = Send message (new line on touch screens)
shortcut-shift-enter = New line
shortcut-control-enter = Send message, on touch screens too
shortcut-up = Edit your last message (if the box is empty)
shortcut-choose = Choose a message (in the list of messages)
shortcut-chosen = Edit or delete the chosen message
shortcut-escape = Cancel editing
shortcut-neighbour = Previous or next room
shortcut-help = Show this list
notifications = Notify me of new messages while I’m elsewhere
notifications-blocked = Your browser blocks notifications. Allow them in its site settings.
notifications-hint = Kept in this browser only.
notification-sound = Play a sound for new messages
shortcuts-enabled = Use single-key shortcuts (?, /, E)
close = Close

rooms = Rooms
no-rooms = No rooms yet. Create the first one.
find-room = Find a room
no-room-found = No room matches.
show-all-rooms = Show all rooms
open-rooms = Open rooms
choose-room = Pick a room, or start a new one.
room-menu = Room menu
copy-room-link = Copy room link
account-settings = Account settings
switcher = Jump to a room
new-room = New room
create-room = Create room
room-name = Room name
room-topic = Topic (optional)
manage-room = Room settings
save-room = Save
delete-room = Delete room
delete-room-hint = “{"\u2068"}{ $room }{"\u2069"}” and all its messages will be deleted permanently.
notice-room-deleted = “{"\u2068"}{ $room }{"\u2069"}” was deleted.
back-to-rooms = Back to rooms
pages = Pages
page-previous = Previous
page-next = Next

people = People
people-find = Find people by name
people-search = Search
people-show-all = Show all people
people-none = No one matches.
people-need-query = Too many people to list. Search by name.
write-to = Message
write-to-person = Message {"\u2068"}{ $person }{"\u2069"}
write-to-yourself = Message yourself

# Who came and went. { $user } and { $author } are event-name or deleted-user.
event-name = {"\u2068"}{ $name }{"\u2069"}
event-joined = { $user } joined
event-added = { $author } added { $user }
event-left = { $user } left
event-removed = { $author } removed { $user }
event-beyond = And others joined or left
event-more = Show more

messages = Messages
older-messages = Show older messages
newer-messages = Show newer messages
latest-messages = Jump to latest messages
unread-since = { $count } new since { $time }
jump-to-unread = Jump to first
jump-back = Back to where you were
show-in-room = Show in room
room-empty-title = This is the beginning of “{"\u2068"}{ $room }{"\u2069"}”
room-empty = Say hello, or share the link to this room.
no-messages = No messages yet
message-placeholder = Write a message
send = Send
send-again = Send again
outbox = Unsent messages
outbox-waiting = Sending…
outbox-retry = Try again
outbox-discard = Discard
outbox-expired = Written more than 30 days ago. Send it now?
outbox-refused = Couldn’t send.
copy-code = Copy
code-copied = Copied
code-block = Code
edited = edited
edit-message = Edit message
save-message = Save
delete-message = Delete message
delete-message-hint = Deletes the message for everyone. This can’t be undone.
message-deleted = This message was deleted.
mention-suggestions = People to mention
mention-suggestion-count = { $count ->
    [one] { $count } suggestion
   *[other] { $count } suggestions
}
mention-everybody = Everyone in this room
mention-everybody-name = all
people-online = People online
online-count = { $count } online
typing = typing…
room-deleted = This room was deleted, or you are no longer a member. Your text was not sent.
reconnecting = Reconnecting…
disconnected = Connection lost.
stream-unavailable = Live updates aren’t available here. Reload to see new messages.
reload = Reload page
offline = You’re offline. New messages appear when you’re back online.

attach = Attach files
attach-chosen = Files to send
attach-alt = Describe picture (optional)
attach-remove = Remove {"\u2068"}{ $name }{"\u2069"}
attach-drop = Drop files to attach them
attach-paste = Paste as picture
attach-too-many = Up to { $count } files per message.
attach-too-large = {"\u2068"}{ $name }{"\u2069"} is larger than { $size }.
attach-folder = Folders can’t be sent. Choose files.
attach-uploading = Uploading {"\u2068"}{ $name }{"\u2069"}
attach-retrying = Can’t send files right now. Trying again…
attach-failed = Couldn’t upload this file.
attach-lost = This file is gone. Attach it again.
attach-alone = Its files were removed. Send only text?
viewer = Picture
viewer-previous = Previous picture
viewer-next = Next picture
viewer-zoom-in = Zoom in
viewer-zoom-out = Zoom out
viewer-download = Download picture
viewer-failed = Couldn’t load this picture.

languages = Languages
offline-title = Can’t reach the site
offline-hint = You may be offline, or the site is briefly down. Unsent messages are kept in this browser.
try-again = Try again
details = Details

# Times. { $hour } counts from 0 to 23, { $hour12 } from 1 to 12; { $weekday } from 1, which is Monday. Only these, { $half }
# and { $month } may choose a text; { $clock } is time-clock, { $date } is time-day.
time-clock = { $hour12 }:{ $minute } { $half ->
    [am] AM
   *[pm] PM
}
time-day = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}, { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $day }, { $year }
time-date = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $day }, { $year }
time-month-day = { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
} { $day }
time-moment = { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
} { $day }, { $year }, { $clock }
time-full = { $date } at { $clock } ({ $zone })

members = Members
notes-to-self = Notes to self
open-room-hint = Everybody can read and write in this room. There is no list of members.
role-owner = Owner
manage-member = Manage { $name }
make-owner = Make owner
remove-member = Remove from room
add-members = Add members
find-person = Find person
add-selected = Add selected
no-person-found = Nobody has this name.
leave-room = Leave room
leave-room-hint = You will no longer see this room or its messages.
leave-owner-hint = You will no longer see this room. Its longest-standing member becomes the owner.
leave-last-hint = You are the last member. The room and its messages will be deleted.
leave-quietly = Leave without telling the room
room-kind = Who can read it
kind-open = Open
kind-open-hint = Everybody on this site
kind-closed = Closed
kind-closed-hint = Only people you add
open-room = Open to everybody
close-room = Limit to members
convert-to-open-hint = Everybody will be able to read all messages, also the old ones.
convert-to-closed-hint = { $count ->
    [0] Only you will see this room. Everybody else loses access until you add them.
    [one] The person who has visited this room becomes its member. Everybody else loses access.
   *[other] The { $count } people who have visited this room become its members. Everybody else loses access.
 }
keep-latest-visitors = Keep only the 1,000 people who visited last

direct-messages = Direct messages
write-to-somebody = Write to somebody
unread-count = { $count ->
    [one] 1 unread message
   *[other] { $count } unread messages
 }
mark-room-read = Mark as read
room-notifications = Notifications
members-and-notifications = Members and notifications
level = Tell me about
level-all = Every message
level-all-hint = The count of new messages stands out
level-mentions = Mentions
level-mentions-hint = Other messages are counted quietly
level-none = Nothing
level-none-hint = Neither a count nor a notification
level-hidden = Hide room
level-hidden-hint = It leaves your list; mentions still reach you
mark-unread = Mark as unread
mark-all-read = Mark all as read
mark-all-read-hint = All messages in all rooms count as read then.
inbox = Inbox
inbox-empty = Nobody has mentioned you yet.
inbox-count = { $count ->
    [0] Nothing new
    [one] 1 new notice
   *[other] { $count } new notices
 }
inbox-mentioned = { $person } mentioned you in { $room }
inbox-invited = { $person } added you to { $room }
inbox-room-gone = { $person } wrote in a room that you can’t open any more.
find-person-button = Search
invite-more = Invite more people
invite-more-hint = The people of a direct room never change. This creates a closed room with all of you.

## Uploads to a chat, by their code
upload-ticket = This page has been open for too long. Reload it.
upload-form = The upload was interrupted. Try again.
upload-missing = Choose a file that is not empty, or type a message.
upload-too-many-files = Send at most 10 files at once.
upload-too-large = This file is too large.
upload-too-slow = The upload took too long. Try again.
upload-too-many = Too many uploads. Try again in a minute.
upload-kind = This kind of file can’t be sent.
upload-pixels = This picture is too large: up to 10,000 pixels a side and 40 million in total.
upload-broken = This picture is damaged or incomplete.
upload-quota = Your storage space is full. Delete some files.
upload-disk = The server is out of space. Ask the operator.
upload-unavailable = Files aren’t available right now. Try again later.
upload-receipt = The upload took too long. Send the files again.
upload-gone = You can’t send messages to this room.
upload-failed = Message not sent
upload-resend = Send again
upload-text = Message
upload-files = Files
upload-back = Back to the room

## Files in chats
attach-files = Send files
attach-file = Files, up to 10
take-away-files = Remove files
files-pictures = { $count ->
    [one] Photo
   *[other] { $count } photos
  }
files-file = File: { $name }

notice-left = You left the room.
notice-read = All messages are marked as read.
notice-gone = This room was deleted, or you are no longer a member.
notice-added = Members added.
notice-removed = Member removed.
notice-owner = The room has a new owner.
notice-kind = Changed who can read this room.
notice-level = Notification setting saved.
room-empty-title-direct = This is the beginning of your conversation with {"\u2068"}{ $room }{"\u2069"}
room-empty-title-notes = Only you can see this
room-empty-direct = Say hello.
room-empty-notes = Jot something down.
room-empty-closed = Add the members you want to talk with.
room-empty-member = Say hello.
people-count = { $count } people
more-directs = Show more conversations
